"""What operators wish for, from the journal into the world."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address

import structlog

from clusterlb.controller.journal import Journal, JournalError
from clusterlb.controller.schedule import RETRY
from clusterlb.controller.world import World
from clusterlb.core.calendar.windows import Occurrence, next_change, open_window
from clusterlb.core.roster import MemberKey
from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.check import VerdictState
from clusterlb.model.intent import DIRECTOR, Intent, IntentKind

log = structlog.get_logger()


class UnknownTargetError(Exception):
    """There is no such VIP, pool or member here; the text says which there are."""


class Intents:
    """Keeps the world's wishes equal to the journal's. ``clock`` is the wall clock, in seconds since 1970.

    ``planned`` is the drain of a maintenance window while one is open; it is not in the journal, as the
    inventory says so by itself. ``changed`` is called whenever it was worked out what is in force, with the
    time for which; ``changes`` says when that has to be done again.
    """

    def __init__(self, journal: Journal, world: World, clock: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._world = world
        self._clock = clock
        self._complaint = ""
        self.planned: Intent | None = None
        self.changed: Callable[[float], None] = lambda _: None
        if journal.dropped:
            log.warning("intents", problem=f"{journal.dropped} lines of the journal could not be read")
        self.refresh()

    @property
    def standing(self) -> list[Intent]:
        """Return all intents that stand, those of the future too, the oldest first."""
        planned = [self.planned] if self.planned else []
        return sorted([*self._journal.intents.values(), *planned], key=lambda intent: intent.made)

    def set(self, intent: Intent, duration: float | None = None) -> Intent:
        """Record a wish and carry it out; it is made now, and over after ``duration`` seconds in force.

        Raises UnknownTargetError, and JournalError when it cannot be recorded; then nothing has changed.
        """
        self._check(intent)
        now = self._clock()
        until = intent.until if duration is None else max(now, intent.begins) + duration
        intent = replace(intent, made=now, until=until)
        self._journal.set(intent)
        facts = {"target": intent.target, "value": intent.value, "who": intent.who, "reason": intent.reason}
        log.info("intent", kind=intent.kind.value, **facts)
        self.refresh()
        return intent

    def clear(self, kind: IntentKind, target: str) -> Intent | None:
        """Take a wish back; None when there was none. Raises JournalError."""
        intent = self._journal.clear((kind, target))
        if intent is not None:
            log.info("intent taken back", kind=kind.value, target=target)
            self.refresh()
        return intent

    def changes(self, now: float) -> list[tuple[str, float]]:
        """Return each wish and each maintenance window by name, and when it begins or ends after ``now``."""
        world, at, found = self._world, datetime.fromtimestamp(now, UTC), list[tuple[str, float]]()
        for intent in self._journal.intents.values():
            if change := now + RETRY if intent.over(now) else intent.next_change(now):
                found.append((f"{intent.kind.value} of {intent.target}", change))
        for window in world.inventory.maintenance:
            if world.director.name in window.directors and (moment := next_change(window, at)):
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
                log.info("intent has run out", kind=intent.kind.value, target=intent.target)
            if complaint and complaint != self._complaint:
                log.error("intents", error=complaint)
            self._complaint = complaint
        if over:
            self.changed(now)

    def refresh(self) -> float:
        """Make the world's wishes those in force, as far as the inventory has what they are about; say when.

        One look at the clock decides on everything, so that no moment is between two of them.
        """
        now, world = self._clock(), self._world
        self.planned = _planned(
            open_window(world.inventory.maintenance, world.director.name, datetime.fromtimestamp(now, UTC))
        )
        in_force = [intent for intent in self.standing if intent.in_force(now)]
        pins: dict[MemberKey, VerdictState] = {}
        vips: dict[IPAddress | None, Intent] = {}
        members: dict[MemberKey, Intent] = {}
        for intent in in_force:
            if intent.kind is IntentKind.PIN and (key := self._member(intent.target)) is not None:
                pins[key] = VerdictState(intent.value)
            elif intent.kind is IntentKind.DRAIN:
                for vip in self._vips(intent.target):
                    vips[vip] = intent
                for key in self._members(intent.target):
                    members[key] = intent
        self._world.wish(
            pins, vips, members, paused=next((i for i in in_force if i.kind is IntentKind.PAUSE), None)
        )
        self.changed(now)
        return now

    def _check(self, intent: Intent) -> None:
        """Raise UnknownTargetError for what this director does not have."""
        target = intent.target
        if intent.kind is IntentKind.PIN:
            known = self._member(target) is not None
        elif intent.kind is IntentKind.PAUSE:
            known = target == DIRECTOR  # a director watches as a whole or works as a whole
        else:
            known = bool([*self._vips(target), *self._members(target)])
        if not known:
            raise UnknownTargetError(
                f"there is no {target!r} here; {self._what_there_is(intent.kind, target)}"
            )

    def _what_there_is(self, of: IntentKind, target: str) -> str:
        inventory = self._world.inventory
        kind, _, rest = target.partition("/")
        if of is IntentKind.PAUSE:
            names = [DIRECTOR]
        elif kind == "vip":
            names = [f"vip/{vip}" for vip in inventory.vips]
        else:
            wanted = rest.partition("/")[0] if kind == "member" else kind
            pools = [inventory.pools[wanted]] if wanted in inventory.pools else [*inventory.pools.values()]
            names = [f"{pool.name}/{member.endpoint}" for pool in pools for member in pool.members]
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        return f"there are {', '.join(names[:20]) or 'none'}{more}"

    def _vips(self, target: str) -> list[IPAddress | None]:
        """Return the VIPs that a drain is about; None stands for the whole director."""
        if target == DIRECTOR:
            return [None]
        kind, _, name = target.partition("/")
        if kind != "vip":
            return []
        try:
            vip = ip_address(name)
        except ValueError:
            return []
        return [vip] if vip in self._world.inventory.vips else []

    def _members(self, target: str) -> list[MemberKey]:
        kind, _, name = target.partition("/")
        if kind == "pool" and name in self._world.inventory.pools:
            pool = self._world.inventory.pools[name]
            return [(name, member.endpoint) for member in pool.members]
        if kind == "member" and (key := self._member(name)) is not None:
            return [key]
        return []

    def _member(self, target: str) -> MemberKey | None:
        name, _, rest = target.partition("/")
        pool = self._world.inventory.pools.get(name)
        endpoints: list[Endpoint] = [member.endpoint for member in pool.members] if pool else []
        return next(((name, endpoint) for endpoint in endpoints if str(endpoint) == rest), None)


def _planned(occurrence: Occurrence | None) -> Intent | None:
    """Return the drain of an open maintenance window."""
    if occurrence is None:
        return None
    window, begins, ends = occurrence
    return Intent(
        IntentKind.DRAIN,
        DIRECTOR,
        "",
        who="maintenance",
        reason=f"{window.name}: {window.reason}",
        made=begins.timestamp(),
        until=ends.timestamp(),
        patience=window.deadline,
    )
