"""The last weights of destinations that are at weight 0, if this driver set them.

The kernel keeps the last weight that was not 0 (``last_weight``; ip_vs_ctl.c, ``__ip_vs_update_dest``), and
mh builds its table from this weight (ip_vs_mh.c). No command reports it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from clusterlb.model.ipvs import Destination, DestinationKey, ServiceKey, ServiceState
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    IpvsStep,
    RemoveDestination,
    RemoveService,
    StepError,
)


class LastWeights:
    """The destinations that this driver has set to weight 0, as it set them.

    A foreign edit that is undone before the next read is not noticed.
    """

    def __init__(self) -> None:
        self._known: dict[ServiceKey, dict[DestinationKey, Destination]] = {}

    def applied(self, steps: Sequence[IpvsStep], errors: Collection[StepError]) -> None:
        """Take in steps that were carried out, and their errors."""
        failed = {id(error.step) for error in errors}
        for step in steps:
            if isinstance(step, AddDestination | EditDestination):
                self._forget(step.service, step.destination.key)
                if step.destination.weight == 0 and step.destination.nominal and id(step) not in failed:
                    self._known.setdefault(step.service, {})[step.destination.key] = step.destination
            elif isinstance(step, RemoveDestination):
                self._forget(step.service, step.key)
            elif isinstance(step, AddService):
                self._known.pop(step.service.key, None)
            elif isinstance(step, RemoveService):
                self._known.pop(step.key, None)

    def seen(self, state: ServiceState) -> ServiceState:
        """Return a service as read, with the known last weights; forget destinations that have changed."""
        known = self._known.get(state.service.key)
        if not known:
            return state
        still = {one.key: known[one.key] for one in state.destinations if known.get(one.key) == one}
        if still:
            self._known[state.service.key] = still
        else:
            del self._known[state.service.key]
        return replace(state, destinations=tuple([still.get(one.key, one) for one in state.destinations]))

    def _forget(self, service: ServiceKey, name: DestinationKey) -> None:
        if service in self._known:
            self._known[service].pop(name, None)
