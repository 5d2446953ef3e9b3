"""Members that call a VIP of their own pool: noticed by the kernel, explained here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.world import World
from clusterlb.core.rules.inside import DYNAMIC, explain
from clusterlb.drivers.interface import DriverError

log = structlog.get_logger()

EVERY = 120.0  # seconds between two looks; the kernel remembers for an hour


@dataclass(slots=True)
class Insiders:
    """Keeps the world's ``insiders``; ``clock`` is in seconds."""

    world: World
    kernel: Kernel
    clock: Callable[[], float]
    _next: float = float("-inf")

    async def look(self) -> None:
        """Ask for the pairs that the kernel has seen, and say of each new one what it means."""
        if self.clock() < self._next:
            return
        self._next = self.clock() + EVERY
        try:
            found = [await self.kernel.seen(name) for name in DYNAMIC if name in self.world.rules.chains]
        except DriverError:
            return  # the readings of the table say so
        seen = frozenset[tuple[str, ...]]().union(*found)
        for pair in sorted(seen - self.world.insiders):
            log.warning("inside", what=explain(self.world.inventory, pair))
        self.world.insiders = seen
