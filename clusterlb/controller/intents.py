"""What operators have decided, from the journal into the store. The guards stand here, in the one way in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

import structlog

from clusterlb.controller.intent_record import to_record
from clusterlb.controller.journal import Journal, JournalError
from clusterlb.controller.schedule import RETRY
from clusterlb.controller.store.events import InForce
from clusterlb.controller.store.store import Store
from clusterlb.core.calendar.windows import Occurrence, next_change, open_window
from clusterlb.core.guard import refused_drain
from clusterlb.core.place import Surroundings
from clusterlb.core.roster import MemberKey
from clusterlb.model.address import IPAddress
from clusterlb.model.check import VerdictState
from clusterlb.model.intent import Drain, Intent, IntentKind, Pause, Pin
from clusterlb.model.reason import Because
from clusterlb.model.target import DIRECTOR, DirectorTarget, MemberTarget, PoolTarget, Target, VipTarget

SETTLE = 10.0  # seconds after a change of the announcing directors in which no member begins to drain
SOON = 60.0  # seconds: what begins within them is judged by how things are now
SHOWN = 20  # targets that an error names

# looks at the other directors: what is known of them now, and why that look failed, empty if it has not
LookAround = Callable[[], Awaitable[tuple[Surroundings, str]]]

log = structlog.get_logger()


class UnknownTargetError(Exception):
    """There is no such VIP, pool or member here; the text says which there are."""


class RefusedError(Exception):
    """A guard says no; ``because`` says why, and what to do."""

    def __init__(self, because: Because) -> None:
        super().__init__(because.text)
        self.because = because


class Intents:
    """Keeps the store's intents equal to the journal's. ``clock`` is the wall clock, in seconds since 1970.

    ``planned`` is the drain of a maintenance window while one is open; it is not in the journal, as the
    inventory says so by itself. ``changed`` is called whenever it was worked out what is in force, with the
    time for which; ``changes`` says when that has to be done again.
    """

    def __init__(
        self,
        journal: Journal,
        store: Store,
        look_around: LookAround,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._store = store
        self._look_around = look_around
        self._clock = clock
        self._complaint = ""
        self.planned: Drain | None = None
        self.changed: Callable[[float], None] = lambda _: None
        if journal.dropped:
            log.warning("intents", problem=f"{journal.dropped} lines of the journal could not be read")
        self.refresh()

    @property
    def standing(self) -> list[Intent]:
        """Return all intents that stand, those of the future too, the oldest first."""
        planned = [self.planned] if self.planned else []
        return sorted([*self._journal.intents.values(), *planned], key=lambda intent: intent.made)

    async def set(self, intent: Intent, duration: float | None = None) -> Intent:
        """Record an intent and carry it out; it is made now, and over after ``duration`` seconds in force.

        Raises UnknownTargetError, RefusedError where a guard says no, and JournalError when the intent cannot
        be recorded; then nothing has changed.
        """
        self._check(intent)
        # what begins later is judged then, by how things are then
        if intent.begins < self._clock() + SOON and (why := await self._refused(intent)) is not None:
            raise RefusedError(why)
        now = self._clock()
        until = intent.until if duration is None else max(now, intent.begins) + duration
        intent = replace(intent, made=now, until=until)
        self._journal.set(intent)
        log.info("intent", **to_record(intent))
        self.refresh()
        return intent

    async def _refused(self, intent: Intent) -> Because | None:
        """Return why a guard refuses an intent, None where it may; pins and pauses always may."""
        if not isinstance(intent, Drain) or intent.force:
            return None
        around, silent = await self._look_around()
        store = self._store
        return refused_drain(intent, store.inventory, around, store.cluster_changed_at, SETTLE, silent)

    def clear(self, kind: IntentKind, target: Target) -> Intent | None:
        """Take an intent back; None when there was none. Raises JournalError."""
        intent = self._journal.clear((kind, target))
        if intent is not None:
            log.info("intent taken back", kind=kind.value, target=str(target))
            self.refresh()
        return intent

    def changes(self, now: float) -> list[tuple[str, float]]:
        """Return each intent and maintenance window by name, and when it begins or ends after ``now``."""
        store, at, found = self._store, datetime.fromtimestamp(now, UTC), list[tuple[str, float]]()
        for intent in self._journal.intents.values():
            if change := now + RETRY if intent.over(now) else intent.next_change(now):
                found.append((f"{intent.kind.value} of {intent.target}", change))
        for window in store.inventory.maintenance:
            if store.director.name in window.directors and (moment := next_change(window, at)):
                found.append((f"window {window.name}", moment.timestamp()))
        return found

    def look(self) -> None:
        """Look at the clock: let begin what is due, and take back what has run out.

        What has run out is over even while that cannot be recorded.
        """
        now = self.refresh()
        over = [intent for intent in self._journal.intents.values() if intent.over(now)]
        for intent in over:
            try:
                self._journal.clear(intent.name)
            except JournalError as error:
                complaint = str(error)
            else:
                complaint = ""
                log.info("intent has run out", kind=intent.kind.value, target=str(intent.target))
            if complaint and complaint != self._complaint:
                log.error("intents", error=complaint)
            self._complaint = complaint
        if over:
            self.changed(now)

    def refresh(self) -> float:
        """Make the store's intents those in force, as far as the inventory has what they are about.

        Returns the time of the one look at the clock that decides on everything: no moment is between two.
        """
        now, store = self._clock(), self._store
        self.planned = _planned(
            open_window(store.inventory.maintenance, store.director.name, datetime.fromtimestamp(now, UTC))
        )
        pins: dict[MemberKey, VerdictState] = {}
        vips: dict[IPAddress | None, Drain] = {}
        members: dict[MemberKey, Drain] = {}
        paused = None
        for intent in self.standing:
            if not intent.in_force(now):
                continue
            match intent:
                case Pin():
                    pins |= dict.fromkeys(self._members(intent.target), intent.verdict)
                case Drain():
                    vips |= dict.fromkeys(self._vips(intent.target), intent)
                    members |= dict.fromkeys(self._members(intent.target), intent)
                case Pause():
                    paused = paused or intent
                case _:
                    assert_never(intent)
        store.handle(InForce(pins, vips, members, paused))
        self.changed(now)
        return now

    def unknown(self, kind: IntentKind, target: str) -> UnknownTargetError:
        """Return the error for a target that this director does not have."""
        inventory = self._store.inventory
        first, _, rest = target.partition("/")
        if kind is IntentKind.PAUSE:
            names = [str(DIRECTOR)]
        elif first == "vip":
            names = [str(VipTarget(vip)) for vip in inventory.vips]
        elif first == "pool":
            names = [str(PoolTarget(name)) for name in inventory.pools]
        else:
            wanted = rest.partition("/")[0] if first == "member" else first
            pools = [inventory.pools[wanted]] if wanted in inventory.pools else [*inventory.pools.values()]
            names = [
                str(MemberTarget(pool.name, member.endpoint)) for pool in pools for member in pool.members
            ]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        there = f"there are {', '.join(names[:SHOWN]) or 'none'}{more}"
        return UnknownTargetError(f"there is no {target!r} here; {there}")

    def _check(self, intent: Intent) -> None:
        """Raise UnknownTargetError for what this director does not have."""
        if not self._vips(intent.target) and not self._members(intent.target):
            raise self.unknown(intent.kind, str(intent.target))

    def _vips(self, target: Target) -> list[IPAddress | None]:
        """Return the VIPs that a target is about; None stands for the whole director."""
        match target:
            case DirectorTarget():
                return [None]
            case VipTarget(vip):
                return [vip] if vip in self._store.inventory.vips else []
            case _:
                return []

    def _members(self, target: Target) -> list[MemberKey]:
        pools = self._store.inventory.pools
        match target:
            case PoolTarget(name) if name in pools:
                return [(name, member.endpoint) for member in pools[name].members]
            case MemberTarget(name, endpoint) if name in pools:
                return [(name, each.endpoint) for each in pools[name].members if each.endpoint == endpoint]
            case _:
                return []


def _planned(occurrence: Occurrence | None) -> Drain | None:
    """Return the drain of an open maintenance window."""
    if occurrence is None:
        return None
    window, begins, ends = occurrence
    return Drain(
        target=DIRECTOR,
        who="maintenance",
        reason=f"{window.name}: {window.reason}",
        made=begins.timestamp(),
        until=ends.timestamp(),
        patience=window.deadline,
    )
