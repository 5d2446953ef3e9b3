"""What operators wish for, from the journal into the world."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from clusterlb.controller.journal import Journal, JournalError
from clusterlb.controller.world import World
from clusterlb.core.roster import MemberKey
from clusterlb.model.check import VerdictState
from clusterlb.model.intent import Intent, IntentKind

log = structlog.get_logger()


class UnknownTargetError(Exception):
    """There is no such member; the text says which there are."""


class Intents:
    """Keeps the world's pins equal to the journal's. ``clock`` is the wall clock, in seconds since 1970."""

    def __init__(self, journal: Journal, world: World, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._world = world
        self._clock = clock
        self._complaint = ""
        if journal.dropped:
            log.warning("intents", problem=f"{journal.dropped} lines of the journal could not be read")
        self.refresh()

    @property
    def standing(self) -> list[Intent]:
        """Return all intents that stand, the oldest first."""
        return sorted(self._journal.intents.values(), key=lambda intent: intent.made)

    def pin(self, target: str, state: VerdictState, who: str, reason: str, duration: float | None) -> Intent:
        """Pin a member UP or DOWN, for so many seconds or until it is unpinned.

        Raises UnknownTargetError, and JournalError when it cannot be recorded; then nothing has changed.
        """
        self._member(target)
        now = self._clock()
        until = None if duration is None else now + duration
        intent = Intent(IntentKind.PIN, target, state.value, who, reason, now, until)
        self._journal.set(intent)
        log.info("pinned", member=target, to=state.value, who=who, reason=reason)
        self.refresh()
        return intent

    def unpin(self, target: str) -> Intent | None:
        """Let a member's checks decide again; None when it was not pinned. Raises JournalError."""
        intent = self._journal.clear((IntentKind.PIN, target))
        if intent is not None:
            log.info("unpinned", member=target)
            self.refresh()
        return intent

    def expire(self) -> None:
        """Take back what has run out; that it has is in force even while it cannot be recorded."""
        now = self._clock()
        for intent in [intent for intent in self._journal.intents.values() if intent.over(now)]:
            self.refresh()
            try:
                self._journal.clear(intent.name)
            except JournalError as error:
                complaint = str(error)
            else:
                complaint = ""
                log.info("intent has run out", kind=intent.kind.value, target=intent.target)
            if complaint and complaint != self._complaint:
                log.error("intents", error=complaint)
            self._complaint = complaint

    def refresh(self) -> None:
        """Make the world's pins those of the journal, for the members that the inventory has."""
        now = self._clock()
        pins = {
            key: VerdictState(intent.value)
            for intent in self._journal.intents.values()
            if not intent.over(now) and (key := self._find(intent.target)) is not None
        }
        world = self._world
        changed = {key for key in {*pins, *world.pins} if pins.get(key) is not world.pins.get(key)}
        world.pins = pins
        world.mark_pools({pool for pool, _ in changed if pool in world.inventory.pools})

    def _find(self, target: str) -> MemberKey | None:
        name, _, rest = target.partition("/")
        pool = self._world.inventory.pools.get(name)
        members = pool.members if pool else ()
        return next(((name, m.endpoint) for m in members if str(m.endpoint) == rest), None)

    def _member(self, target: str) -> MemberKey:
        found = self._find(target)
        if found is not None:
            return found
        name = target.partition("/")[0]
        pools = self._world.inventory.pools
        if name in pools:
            known = ", ".join(f"{name}/{member.endpoint}" for member in pools[name].members[:20])
        else:
            known = ", ".join(f"{pool}/ADDRESS:PORT" for pool in list(pools)[:20])
        raise UnknownTargetError(f"there is no member {target!r}; there are {known or 'no pools'}")
