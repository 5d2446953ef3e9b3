"""How many live flows a plan puts on another member than their own, before it is carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clusterlb.controller.planning import Planned, full_plan
from clusterlb.controller.reconcile import Reconciler
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.store import Store
from clusterlb.core.census import Survey, uncountable
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.maglev import shape
from clusterlb.drivers.interface import DriverError
from clusterlb.model.flow import FlowCount
from clusterlb.model.forecast import Forecast, ServiceForecast
from clusterlb.model.ipvs import ServiceKey, ServiceState


async def forecast(reconciler: Reconciler, candidate: Index | None = None) -> Forecast:
    """Return the plan of now, or that of a candidate inventory, and what it does to the flows.

    The flows are read once, and only where the table of a service changes.
    """
    store = reconciler.store
    after = store if candidate is None else store.twin(candidate)
    planned = full_plan(after, reconciler.ledger)
    changes = dict(_changed_tables(store, planned))
    unknown = {key: why for key, tables in changes.items() if (why := _unknown(store, key, tables))}
    survey = Survey(
        ServiceFinder(store.index.served),
        {key: tables for key, tables in changes.items() if key not in unknown},
        store.actual.timeouts.tcp_fin,
    )
    counts: Mapping[ServiceKey, FlowCount] = {}
    if survey.services:
        try:
            counts = (await reconciler.kernel.census(survey)).counts
        except DriverError as error:
            unknown = dict.fromkeys(changes, str(error)) | unknown
    return Forecast(
        planned.plan,
        tuple(
            ServiceForecast(str(key), unknown=unknown[key]) if key in unknown else _counted(key, counts[key])
            for key in sorted(changes, key=str)
        ),
    )


def _changed_tables(store: Store, planned: Planned) -> Iterator[tuple[ServiceKey, tuple[ServiceState, ...]]]:
    """Yield the services whose table will be another one, with it as it is and as it will be.

    A service that goes has no table any more.
    """
    for key, now in store.actual.services.items():
        if key in store.index.served:
            then = planned.services.get(key)
            if then is None:
                yield key, ()
            elif _deciding(now) != _deciding(then):
                yield key, (now, then)


def _deciding(state: ServiceState) -> object:
    """Return what of a service decides where its flows go."""
    if uncountable(state):
        return state.service.scheduler, {one.key for one in state.destinations}
    return shape(state)


def _unknown(store: Store, key: ServiceKey, tables: tuple[ServiceState, ...]) -> str:
    """Return why a change cannot be forecast, empty where it can."""
    if store.index.served[key][1].fwmark:
        return "an entry does not say which of the operator's marks its packets have"
    return next(filter(None, map(uncountable, tables)), "")


def _counted(key: ServiceKey, count: FlowCount) -> ServiceForecast:
    now, then = count.strays or (0, count.live)
    return ServiceForecast(str(key), count.live, now, then, ends=not count.strays)
