"""Count strays once the table of a service has changed, then until there are none, and have them anchored."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import structlog

from clusterlb.controller.anchoring import Anchoring
from clusterlb.controller.background import spawn
from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.store import Store
from clusterlb.core.census import Census, Survey, uncountable
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.maglev import shape
from clusterlb.drivers.interface import DriverError
from clusterlb.model.flow import Flow, FlowCount, FlowEntry
from clusterlb.model.ipvs import ServiceKey, ServiceState

WAIT = 60.0  # seconds that a change of a table waits for a count, at most
QUIET = 3.0  # seconds without a change of a table: of several changes in a row the last one is counted
PAUSE = 30.0  # seconds between two counts of the same tables, at least
SHARE = 0.05  # of a core, at most, is spent counting tables that have not changed
LOOKS = 3  # counts in the time that an entry lives, so that no flow is idle for so long and never seen so
TCP_LIFETIME = 900  # seconds; the kernel's own, where the inventory has no `timeouts` (ip_vs_proto_tcp.c)
REMEMBERED = 65_536  # idle flows, at most
NEVER = float("inf")

log = structlog.get_logger()


class _Count(NamedTuple):
    tables: Mapping[ServiceKey, ServiceState]
    census: Census
    finder: ServiceFinder
    error: str = ""


class _Idle(NamedTuple):
    entry: FlowEntry
    at: float  # when it had that entry

    def as_of(self, now: float) -> FlowEntry:
        """Return the entry as if it were there still, so that it tells of the time of its last packet."""
        return self.entry._replace(expires=self.entry.expires - round(now - self.at))


@dataclass(frozen=True, slots=True)
class _Coming:
    """A table that is to come, wanted ``since``; ``done``: the flows that it moves have been counted."""

    state: ServiceState
    since: float
    done: bool = False


@dataclass(slots=True)
class Strays:
    """Knows how many flows each service had at the last count, and how many strays among them.

    Only a change of a table makes strays, so that a director at rest counts only to remember idle flows:
    those whose entry is about to end although nobody has closed them. ``counts`` has the services whose flows
    can be counted; ``error`` says why the last count failed.
    """

    store: Store
    kernel: Kernel
    anchoring: Anchoring
    counts: Mapping[ServiceKey, FlowCount] = field(default_factory=dict)
    error: str = ""
    _seen: dict[ServiceKey, ServiceState] = field(default_factory=dict)
    _counted: Mapping[ServiceKey, ServiceState] = field(default_factory=dict)
    _coming: dict[ServiceKey, _Coming] = field(default_factory=dict)
    _due: float = NEVER
    _counting: asyncio.Future[object] | None = None
    _idle: dict[Flow, _Idle] = field(default_factory=dict)

    async def look(self) -> None:
        """Begin a count when one is due."""
        if self.store.adopted_at is None:
            return
        now = self.store.clock()
        tables = self._tables()
        if tables != self._seen:
            self._seen = tables
            self._due = now + QUIET
        if now >= self._due:
            self._begin()

    def ready(self, key: ServiceKey, then: ServiceState) -> bool:
        """Say whether a service may get another table: the flows that this moves are anchored.

        If not, they are being counted, and the service is looked at again. A count that fails, or takes
        longer than WAIT, holds up nothing.
        """
        now = self._table(key) if self.anchoring.on else None
        if now is None or uncountable(then) or shape(then) == shape(now):
            self._coming.pop(key, None)
            return True
        coming = self._coming.get(key)
        if coming is None or shape(coming.state) != shape(then):
            coming = self._coming[key] = _Coming(then, self.store.clock())
        if coming.done or self.store.clock() >= coming.since + WAIT:
            return True
        self._begin()
        return False

    def counted(self, keys: Collection[ServiceKey]) -> bool:
        """Say whether these services have been counted by their tables as they are, where they can be."""
        tables = {key: self._table(key) for key in keys} if self.anchoring.on else {}
        return all(self._counted.get(key) == table for key, table in tables.items() if table is not None)

    async def count(self) -> None:
        """Count now, and return when that is done."""
        self._begin()
        if self._counting is not None:
            await asyncio.shield(self._counting)

    def stop(self) -> None:
        """Take no count in any more."""
        if self._counting is not None:
            self._counting.cancel()

    def _tables(self) -> dict[ServiceKey, ServiceState]:
        """Return the services of VIPs whose flows can be counted."""
        found = ((key, self._table(key)) for key in self.store.index.served)
        return {key: table for key, table in found if table is not None}

    def _table(self, key: ServiceKey) -> ServiceState | None:
        """Return a service as it is, None where its flows cannot be counted."""
        state = self.store.actual.services.get(key)
        served = self.store.index.served.get(key)
        if state is None or served is None or served[1].fwmark or uncountable(state):
            return None
        return state

    def _begin(self) -> None:
        """Begin a count, unless one is being made; that one sees to the next."""
        if self._counting is None or self._counting.done():
            self._due = NEVER
            self._counting = spawn(self._run())

    async def _run(self) -> None:
        now = self.store.clock()
        coming = {key: each.state for key, each in self._coming.items() if not each.done}
        count = await self._count({**self._tables(), **coming}, now)
        self._counting = None
        self._take(count, coming, self.store.clock())
        for key, state in coming.items():
            each = self._coming.get(key)
            if each is not None and each.state is state:
                self._coming[key] = replace(each, done=True)
        self.store.mark_keys(coming)
        if any(not each.done for each in self._coming.values()):
            self._begin()

    async def _count(self, tables: Mapping[ServiceKey, ServiceState], now: float) -> _Count:
        """Count the flows by the tables; where IPVS has no connections at all there is nothing to read."""
        finder = ServiceFinder(self.store.index.served)
        self._forget(now)
        survey = Survey(
            finder,
            {key: (state,) for key, state in tables.items()},
            self.store.actual.timeouts.tcp_fin,
            listing=self.anchoring.on,
            known=frozenset({*self.store.anchors, *self._idle}),
            remembered=tuple(idle.as_of(now) for idle in self._idle.values()),
            idle_below=int(2 * self._lifetime / LOOKS) if self._remembers else 0,
        )
        try:
            numbers = await self.kernel.statistics(tables) if tables else {}
            rows = (n for service in numbers.values() for _, n in service.destinations)
            if survey.known or any(n.active + n.inactive for n in rows):
                return _Count(tables, await self.kernel.census(survey), finder)
            nobody = Census(dict.fromkeys(tables, FlowCount(0, (0,))))
            return _Count(tables, nobody, finder)
        except DriverError as error:
            return _Count(tables, Census({}), finder, str(error))

    def _take(self, count: _Count, coming: Collection[ServiceKey], now: float) -> None:
        if count.error and count.error != self.error:
            log.error("strays are not counted", problem=count.error)
        found = count.census
        counts = {key: each for key, each in found.counts.items() if key not in coming}
        for key, now_has in counts.items():
            before, after = strays(self.counts.get(key)), strays(now_has)
            if bool(before) != bool(after):
                log.info("strays", service=str(key), was=before, now=after, live=now_has.live)
        known = {key: each for key, each in self.counts.items() if key in coming and not count.error}
        self.counts, self.error = {**known, **counts}, count.error
        self._counted = count.tables
        if not count.error:
            self._remember(found, now)
            self.anchoring.take(found, count.finder, coming)
        least = found.seconds / SHARE
        if count.error or any(map(strays, found.counts.values())):
            self._due = min(self._due, now + max(PAUSE, least))
        elif self._remembers:
            self._due = min(self._due, now + max(self._lifetime / LOOKS, least))

    @property
    def _lifetime(self) -> int:
        return self.store.actual.timeouts.tcp or TCP_LIFETIME

    @property
    def _remembers(self) -> bool:
        """Say whether idle flows are remembered: only where that is longer than their entries live."""
        return self.store.inventory.cluster.flow_memory > self._lifetime

    def _remember(self, found: Census, now: float) -> None:
        """Remember the flows that are idle now; those that have ended or speak again are idle no more."""
        idle = {entry.flow: _Idle(entry, now) for entry in found.idle}
        over = {entry.flow for entry in (*found.ended, *found.settled)} | self.store.anchors.keys()
        before = {flow: known for flow, known in self._idle.items() if flow not in over and flow not in idle}
        merged = {**before, **idle}
        self._idle = dict(list(merged.items())[-REMEMBERED:])

    def _forget(self, now: float) -> None:
        memory = self.store.inventory.cluster.flow_memory if self._remembers else 0
        self._idle = {flow: known for flow, known in self._idle.items() if now - known.at < memory}


def strays(count: FlowCount | None) -> int:
    """Return the strays of a count by one table."""
    return count.strays[0] if count is not None and count.strays else 0
