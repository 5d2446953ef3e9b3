"""Have the peers know of a director's anchors before its flows leave it by an operator's will."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from clusterlb.controller.background import spawn
from clusterlb.controller.peering import Peering
from clusterlb.controller.store.store import Store
from clusterlb.controller.strays import Strays

PATIENCE = 10.0  # seconds that a leave or a drain waits for the count and for the peers, at most
FRESH = 30.0  # seconds for which what was handed over counts as all there is

log = structlog.get_logger()


@dataclass(slots=True)
class Handover:
    """Counts the strays once more, and waits until the connected peers have taken all anchors in."""

    store: Store
    strays: Strays
    peering: Peering
    wake: Callable[[], None] = lambda: None
    _done_at: float = float("-inf")
    _running: asyncio.Future[object] | None = None

    def ready(self) -> bool:
        """Say whether flows may leave now; if not, what is needed for that is being done."""
        if not self._needed() or self.store.clock() < self._done_at + FRESH:
            return True
        if self._running is None or self._running.done():
            self._running = spawn(self.run())
        return False

    async def run(self) -> None:
        """Hand everything over; return when that is done, or PATIENCE is over."""
        if not self._needed():
            return
        until = self.store.clock() + PATIENCE
        try:
            async with asyncio.timeout(PATIENCE):
                await self.strays.count()
        except TimeoutError:
            log.warning("flows leave uncounted", problem=f"the count takes longer than {PATIENCE:.0f} s")
        untold = await self.peering.told(until - self.store.clock())
        if untold:
            log.warning("flows leave, and not all peers know of the anchors", untold=untold)
        self._done_at = self.store.clock()
        self.wake()

    def _needed(self) -> bool:
        """Say whether there are flows to hand over, and peers to hand them over to."""
        return self.strays.anchoring.on and bool(self.peering.board.readers)
