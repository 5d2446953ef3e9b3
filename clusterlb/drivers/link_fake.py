"""Lanes, addresses and routes in memory, with the kernel's manners."""

from __future__ import annotations

import os
from collections.abc import Sequence
from errno import ENODEV

from clusterlb.drivers.interface import LinkState
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Lane
from clusterlb.model.plan import (
    AddLocalRoute,
    Announce,
    CreateLane,
    LinkStep,
    RemoveLane,
    RemoveLocalRoute,
    StepError,
    Withdraw,
)


class FakeLinks:
    """Implements ``LinkDriver``.

    ``carrier`` may be changed at will; ``fail_next`` makes the next step fail with an errno; ``addresses``
    and ``local_routes`` are the kernel's tables, open to foreign edits.
    """

    def __init__(self, uplinks: Sequence[str] = ("e0",)) -> None:
        self.carrier = dict.fromkeys(uplinks, True)
        self.addresses: dict[Lane, set[IPAddress]] = {}
        self.local_routes: set[IPAddress] = set()
        self.applied: list[LinkStep] = []
        self._failures: list[int] = []

    def fail_next(self, errno: int) -> None:
        """Make the next step fail as the kernel would with this errno."""
        self._failures.append(errno)

    def read(self) -> LinkState:
        """Return what is there."""
        announced: dict[IPAddress, frozenset[Lane]] = {}
        for lane, vips in self.addresses.items():
            for vip in vips:
                announced[vip] = announced.get(vip, frozenset()) | {lane}
        return LinkState(
            frozenset(self.addresses), announced, frozenset(self.local_routes), dict(self.carrier)
        )

    def apply(self, steps: Sequence[LinkStep]) -> list[StepError]:
        """Carry out all steps in order and return those that failed."""
        failed = []
        for step in steps:
            errno = self._failures.pop(0) if self._failures else self._apply(step)
            if errno:
                failed.append(StepError(step, errno, os.strerror(errno)))
            else:
                self.applied.append(step)
        return failed

    def close(self) -> None:
        """Do nothing; there is no socket."""

    def _apply(self, step: LinkStep) -> int:
        match step:
            case CreateLane(lane):
                self.addresses.setdefault(lane, set())
            case RemoveLane(lane):
                self.addresses.pop(lane, None)
            case AddLocalRoute(vip):
                self.local_routes.add(vip)
            case RemoveLocalRoute(vip):
                self.local_routes.discard(vip)
            case Announce(vip, lane):
                if lane not in self.addresses:
                    return ENODEV
                self.addresses[lane].add(vip)
            case Withdraw(vip, lane):
                self.addresses.get(lane, set()).discard(vip)
        return 0
