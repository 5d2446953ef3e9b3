"""SNAT pools at run time: from what the others announce to maps, peers, lanes and the default route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace

import structlog

from clusterlb.controller.store.store import Store
from clusterlb.core.marks import director_marks
from clusterlb.core.nft.snat import read_buckets, snat_part
from clusterlb.core.place import why_not_drain
from clusterlb.core.snat.buckets import NOBODY, Buckets, PoolFamily, current, learn
from clusterlb.core.snat.place import Leaving, decide_addresses, look, peers
from clusterlb.core.snat.state import NO_SNAT, SnatState
from clusterlb.drivers.interface import DriverError
from clusterlb.model.address import IPAddress
from clusterlb.model.intent import Drain

COUNT_EVERY = 5.0  # seconds; a count reads the whole connection tracking table
GRACE = 20.0  # seconds that the flows of a director wait for it after it was seen last
MENDS = 10.0  # seconds in which rules that are no longer in force are put right, or cannot be

log = structlog.get_logger()


@dataclass(slots=True)
class Snat:
    """Tells the store what follows from the SNAT pools and from what the other directors do.

    ``count`` returns how many connections live on these addresses; ``wall`` is the intents' clock.
    """

    store: Store
    count: Callable[[Collection[IPAddress]], Awaitable[int]]
    wall: Callable[[], float]
    buckets: dict[PoolFamily, Buckets] = field(default_factory=dict)
    _alive_at: dict[str, float] = field(default_factory=dict)
    # who served the pools that this director did not serve when it looked last
    _stood_in: dict[PoolFamily, frozenset[str]] = field(default_factory=dict)
    _loaded_at: float = float("-inf")
    _leaving_since: float | None = None
    _flows: int | None = None
    _count_at: float = float("-inf")

    async def tick(self) -> None:
        """Take everything in again; while this director leaves, count the flows on its addresses."""
        if self._drain() is None:
            self._flows, self._count_at = None, float("-inf")
        elif self.store.clock() >= self._count_at:
            self._flows, self._count_at = None, self.store.clock() + COUNT_EVERY
            own = self.store.inventory.snat_pools.values()
            addresses = [a for pool in own for a in pool.addresses.get(self.store.director.name, ())]
            try:
                self._flows = await self.count(addresses) if addresses else 0
            except DriverError as error:
                log.warning("flows of SNAT addresses not counted", error=str(error))
        self.look()

    def look(self) -> None:
        """Work out what should be from what is known, and have it carried out where it has changed."""
        store = self.store
        if not store.inventory.snat_pools and not store.inventory.cluster.ospf.default_originate:
            store.handle(NO_SNAT)
            return
        alive = self._take_view()
        leaving = self._leaving()
        part = snat_part(store.inventory, store.director, self.buckets)
        store.handle(replace(store.snat, part=part))  # so that the rules are those with this part
        loaded = self._loaded()
        own = decide_addresses(
            store.inventory,
            store.director,
            store.around(),
            unfit=store.unfit_for,
            loaded=loaded,
            leaving=leaving,
        )
        store.handle(
            SnatState(
                part=part,
                own=own,
                peers=peers(store.inventory, store.director, alive),
                # replies must find the way back before the first flow comes
                gateway=store.unfit is None
                and loaded
                and leaving is None
                and own.keys() <= store.actual.links.announced.keys()
                and self._knows_an_owner(),
            )
        )

    def _loaded(self) -> bool:
        """Say whether the rules are in force, or were a moment ago: a reload or others change them.

        Flows outlive a moment without rules, but no withdrawal.
        """
        store, now = self.store, self.store.clock()
        if store.actual.rules.digest == store.rules.digest:
            self._loaded_at = now
        return now - self._loaded_at < MENDS

    def _knows_an_owner(self) -> bool:
        """Say whether somebody would translate what comes; without pools nobody is to."""
        return not self.store.inventory.snat_pools or any(
            known.current != NOBODY for known in self.buckets.values()
        )

    def _take_view(self) -> frozenset[str]:
        """Bring the maps up to date and return the directors that can be sent flows.

        Maps and peers begin with what the kernel has: who had a bucket before is remembered nowhere else.
        What is no evidence of the others changes nothing.
        """
        store, now = self.store, self.store.clock()
        around = store.around()
        there = {peer.mark for peer in store.actual.links.peers}
        for name, mark in director_marks(store.inventory.directors).items():
            if mark in there:
                self._alive_at.setdefault(name, now)
        for key, found in read_buckets(store.actual.rules, store.inventory, store.director).items():
            self.buckets.setdefault(key, found)
        if around.view is None or not around.knows():
            return frozenset(self._alive_at)
        own = store.director.name
        seen = {
            (pool.name, family): (
                look(pool, family, store.inventory, around.view),
                pool.addresses_of(own, family),
            )
            for pool in store.inventory.snat_pools.values()
            for family in pool.families
        }
        self._alive_at |= {name: now for each, _ in seen.values() for name in each.alive}
        self._alive_at = {name: at for name, at in self._alive_at.items() if now - at < GRACE}
        alive = frozenset(self._alive_at)
        for key, (each, addresses) in seen.items():
            known = self.buckets.get(key, Buckets())
            stood_in = self._stood_in.get(key) if own in each.serving else None
            self.buckets[key] = (
                learn(own, known, each.serving, alive, stood_in=stood_in)
                if addresses
                else Buckets(current(each.serving))
            )
        self._stood_in = {key: each.serving for key, (each, _) in seen.items() if own not in each.serving}
        return alive

    def _drain(self) -> Drain | None:
        return self.store.in_force.drains.get(None)

    def _leaving(self) -> Leaving | None:
        intent, now = self._drain(), self.store.clock()
        around = self.store.around()
        if intent is None or (not intent.force and why_not_drain(self.store.inventory, around)):
            self._leaving_since = None
            return None
        if self._leaving_since is None:
            self._leaving_since = now
        deadline = None
        if intent.patience is not None:
            deadline = now + (intent.began + intent.patience - self.wall())
        return Leaving(self._leaving_since, intent.reason, self._flows, deadline)
