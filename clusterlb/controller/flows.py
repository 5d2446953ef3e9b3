"""End the flows of members that are DOWN, where the pool says so: take them out of the table for a moment."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.events import Emptying
from clusterlb.controller.store.store import Store
from clusterlb.core.flows import forsaken
from clusterlb.core.programme import destination_key
from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import OnDown
from clusterlb.model.ipvs import DestinationKey, DestinationStatistics, ServiceKey

# Seconds that a destination is out. A jiffy after it was deleted (4 to 10 ms) the kernel begins to walk all
# entries and ends those of it (ip_vs_expire_nodest_conn_flush()); a packet ends its flow's entry at once.
GAP = 0.1
TRIES = 5  # each with twice the gap of the one before
NOT_YET = float("inf")
BACK = float("-inf")  # it is to come back, whatever has become of its member meanwhile

log = structlog.get_logger()


@dataclass(slots=True)
class Flows:
    """Tells the store which destinations are to be out of the table, and until when.

    A destination at weight 0 that has connections and must not have any is taken out. After the gap it comes
    back in its place and is looked at again. To be called with the reconciler's lock held; ``later`` has
    services looked at again at a time of the store's clock.
    """

    store: Store
    kernel: Kernel
    later: Callable[[float, Collection[ServiceKey]], None]
    _tries: Counter[tuple[ServiceKey, DestinationKey]] = field(default_factory=Counter)
    _watched: set[ServiceKey] = field(default_factory=set)

    async def look(self, keys: Collection[ServiceKey] | None = None) -> None:
        """Look at these services, whose table may just have changed; None: at those worth a look."""
        keys = tuple(self._watched if keys is None else keys)
        suspects = {key: found for key, names in self._forsaken(keys) if (found := self._move_on(key, names))}
        try:
            numbers = await self.kernel.statistics(suspects) if suspects else {}
        except DriverError:
            return  # the readings of the services say so
        for key, service in numbers.items():
            self._empty(key, {name: live for name, live in service.destinations if name in suspects[key]})

    def _forsaken(self, keys: Iterable[ServiceKey]) -> Iterable[tuple[ServiceKey, frozenset[DestinationKey]]]:
        """Yield for each service the destinations that must have no connections; none is most services'."""
        for key in keys:
            names: frozenset[DestinationKey] = frozenset()
            table = self.store.actual.services.get(key)
            served = self.store.index.served.get(key)
            if table is not None and served is not None:
                pool = self.store.inventory.pools[served[1].pool]
                full = key not in self.store.emptying and all(d.weight for d in table.destinations)
                if not full and pool.on_down is not OnDown.REMOVE and pool.ends_flows_of(served[1]):
                    names = forsaken(pool, served[1], self.store.judge_members().members[pool.name], table)
            (self._watched.add if names else self._watched.discard)(key)
            for name in [name for of, name in self._tries if of == key and name not in names]:
                del self._tries[key, name]
            yield key, names

    def _move_on(self, key: ServiceKey, names: Collection[DestinationKey]) -> set[DestinationKey]:
        """Begin and end the gaps of a service's destinations; return those that are in the table."""
        table = self.store.actual.services.get(key)
        there = {d.key for d in table.destinations} if table is not None else set()
        out = self.store.emptying.get(key, {})
        now = self.store.clock()
        still = {}
        for name, then in out.items():
            until = then
            if then == NOT_YET and name not in there:
                gap = GAP * 2 ** (self._tries[key, name] - 1)
                until = math.ceil((now + gap) / GAP) * GAP  # those of many members come back together
                self.later(until, (key,))
            if name in names and now < until:
                still[name] = until
            elif name not in there and name in self._members(key):
                still[name] = BACK
                if then != BACK:
                    self.store.mark_keys((key,))
        if out:
            self.store.handle(Emptying(key, still))
        return there.intersection(names) - still.keys()

    def _members(self, key: ServiceKey) -> set[DestinationKey]:
        served = self.store.index.served.get(key)
        if served is None:
            return set()
        return {destination_key(served[1], m) for m in self.store.inventory.pools[served[1].pool].members}

    def _empty(self, key: ServiceKey, live: Mapping[DestinationKey, DestinationStatistics]) -> None:
        """Take those out that have connections."""
        for name, numbers in live.items():
            count = numbers.active + numbers.inactive
            tries = self._tries[key, name]
            if not count:
                continue
            facts = {"member": str(name), "service": str(key), "connections": count}
            if tries >= TRIES:
                if tries == TRIES:
                    self._tries[key, name] += 1
                    log.warning("flows stay with a member that is DOWN", tries=tries, **facts)
                continue
            log.info("flows move", tries=tries + 1, **facts)
            self._tries[key, name] += 1
            self.store.handle(Emptying(key, {**self.store.emptying.get(key, {}), name: NOT_YET}))
            self.store.mark_keys((key,))
