"""Look at IPVS's counters now and then: for sorry servers that can go, suspects, and the table's fill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.events import Counted
from clusterlb.controller.store.store import Store
from clusterlb.core.programme import destination_key
from clusterlb.core.suspect import SuspectWatch
from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import Pool
from clusterlb.model.ipvs import DestinationKey, DestinationStatistics, ServiceKey, ServiceStatistics

log = structlog.get_logger()

Key = tuple[ServiceKey, DestinationKey]
Filled = Callable[[int | None], Mapping[str, float]]


@dataclass(slots=True)
class CounterWatch:
    """Asks for no counters unless the inventory has a use for them."""

    store: Store
    kernel: Kernel
    filled: Filled
    _watches: dict[Key, SuspectWatch] = field(default_factory=dict)

    async def look(self) -> None:
        """Read what is of use, and take it in."""
        checks = self.store.inventory.cluster.director_checks
        wanted = {*self._leaving(), *self._watched()}
        keys = None if checks.connections else wanted
        try:
            numbers = await self.kernel.statistics(keys) if keys is None or keys else {}
        except DriverError:
            return  # the readings of the services say so
        idle = self._idle(numbers)
        self.store.handle(Counted(idle, self._suspects(numbers)))
        gone = [key for key, names in idle.items() if self._sorry_key(key) in names]
        if gone:
            self.store.mark_keys(gone)
        if checks.conntrack or checks.connections or checks.descriptors:
            filled = self.filled(_connections(numbers) if keys is None else None)
            self.store.handle(replace(self.store.health, filled=filled))

    def _leaving(self) -> Iterator[ServiceKey]:
        """Yield the services whose sorry server is there and not needed."""
        for key, _ in self._services(lambda pool: pool.sorry is not None):
            service = self.store.actual.services.get(key)
            sorry = self._sorry_key(key)
            if service and any(d.key == sorry and d.weight == 0 for d in service.destinations):
                yield key

    def _watched(self) -> Iterator[ServiceKey]:
        yield from (key for key, _ in self._services(lambda pool: bool(pool.suspect)))

    def _services(self, wanted: Callable[[Pool], bool]) -> Iterator[tuple[ServiceKey, Pool]]:
        for name, keys in self.store.index.keys.items():
            pool = self.store.inventory.pools[name]
            if wanted(pool):
                yield from ((key, pool) for key in keys)

    def _idle(
        self, numbers: Mapping[ServiceKey, ServiceStatistics]
    ) -> dict[ServiceKey, frozenset[DestinationKey]]:
        """Return the destinations without connections of the services whose sorry server can go."""
        return {
            key: frozenset(d for d, n in numbers[key].destinations if not n.active + n.inactive)
            for key in set(self._leaving())
            if key in numbers
        }

    def _suspects(self, numbers: Mapping[ServiceKey, ServiceStatistics]) -> dict[Key, str]:
        """Return the members that look ill, with why; say of each once that it does."""
        watched = {key for key in self._watched() if key in numbers}
        seen: dict[Key, str] = {}
        live: set[Key] = set()
        for key in watched:
            for destination, counted in numbers[key].destinations:
                live.add((key, destination))
                if why := self._watch(key, destination, counted):
                    seen[key, destination] = why
        self._watches = {name: watch for name, watch in self._watches.items() if name in live}
        for name in seen.keys() - self.store.counted.suspects.keys():
            log.warning("suspect", member=str(name[1]), service=str(name[0]), because=seen[name])
        for name in self.store.counted.suspects.keys() - seen.keys():
            log.info("no longer suspect", member=str(name[1]), service=str(name[0]))
        return seen

    def _watch(self, key: ServiceKey, destination: DestinationKey, counted: DestinationStatistics) -> str:
        watch = self._watches.setdefault((key, destination), SuspectWatch(self._pool(key).suspect))
        return watch.add(self.store.clock(), counted)

    def _sorry_key(self, key: ServiceKey) -> DestinationKey | None:
        sorry = self._pool(key).sorry
        return destination_key(self.store.index.served[key][1], sorry) if sorry else None

    def _pool(self, key: ServiceKey) -> Pool:
        return self.store.inventory.pools[self.store.index.served[key][1].pool]


def _connections(numbers: Mapping[ServiceKey, ServiceStatistics]) -> int:
    rows: Collection[DestinationStatistics] = [n for s in numbers.values() for _, n in s.destinations]
    return sum(n.active + n.inactive for n in rows)
