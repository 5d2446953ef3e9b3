"""From what a store knows to what is to be done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import structlog

from clusterlb.controller.ledger import Ledger
from clusterlb.controller.store.dirty import Dirty
from clusterlb.controller.store.store import Store
from clusterlb.core.assessment import Assessment, assess
from clusterlb.core.desired import desired
from clusterlb.core.guard import guard
from clusterlb.core.known import Known
from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.order import order
from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.plan import Announce, IpvsStep, Plan, ReadBack, RuleStep, Step, service_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the services that there are once it is carried out, of those that were looked at."""

    plan: Plan
    services: Mapping[ServiceKey, ServiceState]


def everything(store: Store, ledger: Ledger) -> Dirty:
    """Return what there is to look at: what the inventory has, and what is still here of others before."""
    keys = {*store.owned(), *ledger.services}
    return Dirty(pools=set(store.index.keys), keys=keys, vips=store.own_addresses())


def look(store: Store, dirty: Dirty) -> tuple[Known, Assessment]:
    """Return what is known, and how all stands once what is dirty has been looked at."""
    known = store.known()
    before = store.judge_members(known)
    return known, assess(store.inventory, known, before, dirty.pools, dirty.vips)


def planned(store: Store, ledger: Ledger, dirty: Dirty, known: Known, assessment: Assessment) -> Planned:
    """Return what is to be done about what is dirty."""
    keys, vips = dirty.keys, dirty.vips
    want = desired(store.inventory, store.index.served, keys, vips, known, assessment)
    abandoned = ledger.abandoned_sysctls(store.index.settings)
    want = replace(want, sysctls={**want.sysctls, **abandoned})
    have = store.actual.state(ledger, keys, vips, want.frr)
    if store.actual.frr is None:
        want = replace(want, frr=have.frr)
    plan, refusals = guard(order(diff(want, have)), store.inventory.cluster)
    for refusal in refusals:
        log.error("refused", step=str(refusal.step), because=str(refusal.because))
    if store.actual.frr is None:
        # what FRR would do with an address on a lane is not known until it has answered
        plan = tuple(step for step in plan if not isinstance(step, Announce))
    # what the table has for VIPs that go stays while one of them, that this plan may not look at, is here
    plan = tuple(
        step
        for step in plan
        if not (isinstance(step, RuleStep) and step.tidies) or store.actual.vips() <= vips
    )
    return Planned(plan, want.services)


def without(plan: Plan, keys: Collection[ServiceKey], vips: Collection[IPAddress]) -> Plan:
    """Return a plan without what it does to these services, and without announcing these VIPs."""
    left: list[Step] = []
    for step in plan:
        if isinstance(step, ReadBack):
            services = {key: state for key, state in step.services.items() if key not in keys}
            left += [ReadBack(services)] if services else []
        elif isinstance(step, IpvsStep):
            left += [step] if service_of(step) not in keys else []
        elif not (isinstance(step, Announce) and step.vip in vips):
            left.append(step)
    return tuple(left)


def full_plan(store: Store, ledger: Ledger) -> Planned:
    """Return what a cycle that looks at everything would do now."""
    dirty = everything(store, ledger)
    return planned(store, ledger, dirty, *look(store, dirty))
