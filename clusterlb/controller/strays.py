"""Count strays once the table of a service has changed, and then until there are none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.store import SETTLED, Store
from clusterlb.core.census import Survey, uncountable
from clusterlb.core.finder import ServiceFinder
from clusterlb.drivers.interface import DriverError
from clusterlb.model.flow import FlowCount
from clusterlb.model.ipvs import ServiceKey, ServiceState

QUIET = 3.0  # seconds without a change of a table: of several changes in a row the last one is counted
PAUSE = 30.0  # seconds between two counts of the same tables, at least
SHARE = 0.01  # of the time, at most, is spent counting tables that have not changed
NEVER = float("inf")

log = structlog.get_logger()


class _Count(NamedTuple):
    counts: Mapping[ServiceKey, FlowCount]
    took: float
    error: str = ""


@dataclass(slots=True)
class Strays:
    """Knows how many flows each service had at the last count, and how many strays among them.

    Only a change of a table makes strays, so that a director at rest without any counts nothing. ``counts``
    has the services whose flows can be counted; ``error`` says why the last count failed.
    """

    store: Store
    kernel: Kernel
    counts: Mapping[ServiceKey, FlowCount] = field(default_factory=dict)
    error: str = ""
    _seen: dict[ServiceKey, ServiceState] = field(default_factory=dict)
    _due: float = NEVER
    _counting: asyncio.Task[_Count] | None = None

    async def look(self) -> None:
        """Take in a count that is over, and begin the next when it is due; wait for neither."""
        if self.store.adopted_at is None:
            return
        now = self.store.clock()
        if self._counting is not None and self._counting.done():
            done, self._counting = self._counting, None
            self._take(done.result(), now)
        tables = self._tables()
        if tables != self._seen:
            self._seen = tables
            self._due = max(now + QUIET, self.store.adopted_at + SETTLED)
        if self._counting is None and now >= self._due:
            self._due = NEVER
            self._counting = asyncio.create_task(self._count(tables), name="count of strays")

    def stop(self) -> None:
        """Take no count in any more."""
        if self._counting is not None:
            self._counting.cancel()

    def _tables(self) -> dict[ServiceKey, ServiceState]:
        """Return the services of VIPs whose flows can be counted."""
        served = self.store.index.served
        return {
            key: state
            for key, state in self.store.actual.services.items()
            if key in served and not served[key][1].fwmark and not uncountable(state)
        }

    async def _count(self, tables: Mapping[ServiceKey, ServiceState]) -> _Count:
        """Count the flows by the tables; where IPVS has no connections at all there is nothing to read."""
        began = time.monotonic()
        try:
            numbers = await self.kernel.statistics(tables) if tables else {}
            rows = (n for service in numbers.values() for _, n in service.destinations)
            if not any(n.active + n.inactive for n in rows):
                return _Count(dict.fromkeys(tables, FlowCount(0, (0,))), 0.0)
            finder = ServiceFinder(self.store.index.served)
            survey = Survey(
                finder, {key: (state,) for key, state in tables.items()}, self.store.actual.timeouts.tcp_fin
            )
            return _Count(await self.kernel.census(survey), time.monotonic() - began)
        except DriverError as error:
            return _Count({}, time.monotonic() - began, str(error))

    def _take(self, count: _Count, now: float) -> None:
        if count.error and count.error != self.error:
            log.error("strays are not counted", problem=count.error)
        for key in {*self.counts, *count.counts}:
            before, after = strays(self.counts.get(key)), strays(count.counts.get(key))
            if bool(before) != bool(after):
                live = count.counts[key].live if key in count.counts else 0
                log.info("strays", service=str(key), was=before, now=after, live=live)
        self.counts, self.error = count.counts, count.error
        if count.error or any(map(strays, count.counts.values())):
            self._due = min(self._due, now + max(PAUSE, count.took / SHARE))


def strays(count: FlowCount | None) -> int:
    """Return the strays of a count by one table."""
    return count.strays[0] if count is not None else 0
