"""Hairpins, members that call a VIP of their own pool: noticed by the kernel, explained here."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.events import HairpinsSeen
from clusterlb.controller.store.store import Store
from clusterlb.core.nft.hairpin import SEEN, explain, hairpin
from clusterlb.drivers.interface import DriverError
from clusterlb.model.rules import NO_RULES, Element

log = structlog.get_logger()

EVERY = 60.0  # seconds from the end of a watch to the next
WATCH = 4.0  # seconds of a watch: while it lasts, each packet through the director costs a fifth more
REMEMBERED = 3600.0  # seconds


@dataclass(slots=True)
class Hairpins:
    """Tells the store of the hairpins of the last hour."""

    store: Store
    kernel: Kernel
    _next: float = field(init=False)  # when the next watch begins
    _until: float | None = None  # when the watch ends, None while none is on
    _left: bool = True  # a killed controller may have left its watch on
    _seen: dict[Element, float] = field(default_factory=dict)  # when each pair was noticed last

    def __post_init__(self) -> None:
        self._next = self.store.clock() + EVERY

    async def look(self) -> None:
        """Watch for a moment now and then, and say of each new pair what it means."""
        now = self.store.clock()
        if self._until is None and self.store.paused:
            return  # the watch is a table in the kernel
        if now < (self._next if self._until is None else self._until):
            return
        try:
            if self._until is None:
                await self._begin(now)
            else:
                await self._take(now)
        except DriverError:  # the readings of the table say what is wrong
            self._next = now + EVERY
            if self._until is not None:
                self._until = self._next  # it is still on

    async def end(self) -> None:
        """End a watch that is on; the kernel is left without it."""
        if self._until is not None:
            await self.kernel.watch(NO_RULES)
            self._until = None

    async def _begin(self, now: float) -> None:
        rules = hairpin(self.store.inventory)
        self._next = now + EVERY
        if (rules.digest or self._left) and not self.store.leaving:
            await self.kernel.watch(rules)
            self._left = False
            self._until = now + WATCH if rules.digest else None

    async def _take(self, now: float) -> None:
        found = frozenset[Element]().union(*[await self.kernel.seen(name) for name in SEEN])
        await self.end()
        self._next = now + EVERY
        for pair in sorted(found - self._seen.keys()):
            log.warning("inside", what=explain(self.store.inventory, pair))
        self._seen.update(dict.fromkeys(found, now))
        self._seen = {pair: at for pair, at in self._seen.items() if now - at < REMEMBERED}
        self.store.handle(HairpinsSeen(frozenset(self._seen)))
