"""Who hears what is announced here: the neighbours of OSPFv2, and of OSPFv3 where there are IPv6 VIPs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import structlog

from clusterlb.controller.store.store import Store
from clusterlb.core.fitness import OSPF, Failures
from clusterlb.drivers.interface import BfdSession, DriverError, FrrDriver, OspfNeighbor
from clusterlb.model.address import AddressFamily

log = structlog.get_logger()


@dataclass(slots=True)
class Neighbors:
    """The neighbours on the uplinks at the last look, in ``seen``."""

    store: Store
    seen: tuple[OspfNeighbor, ...] = ()

    async def ask(self, frr: FrrDriver) -> set[str] | None:
        """Look at the neighbours; return those that were Full and are not now, None where ospfd is silent.

        What ospf6d does not say concerns IPv6's VIPs and no others.
        """
        store = self.store
        try:
            found = await frr.neighbors(AddressFamily.IPV4)
        except DriverError as error:
            store.handle(replace(store.health, frr=store.health.frr.again(error)))
            return None
        lost = self._take(AddressFamily.IPV4, found)
        if AddressFamily.IPV6 in store.inventory.cluster.families:
            lost |= await self._ask_ospf6d(frr)
        return lost

    async def _ask_ospf6d(self, frr: FrrDriver) -> set[str]:
        store = self.store
        try:
            found = await frr.neighbors(AddressFamily.IPV6)
        except DriverError as error:
            store.handle(replace(store.health, ospf6d=store.health.ospf6d.again(error)))
            return set()
        if store.health.ospf6d.times:
            store.handle(replace(store.health, ospf6d=Failures()))
        return self._take(AddressFamily.IPV6, found)

    async def ask_bfd(self, frr: FrrDriver) -> None:
        """Look at the BFD sessions that watch over these neighbours; others say nothing of the switch."""
        try:
            up = await frr.bfd_up()
        except DriverError as error:
            # no news: a silent bfdd is not a session that is down, and the neighbours have just answered
            log.warning("BFD sessions unreadable", error=str(error))
        else:
            self.store.handle(replace(self.store.health, bfd_up=watched(self.seen, up)))

    def _take(self, family: AddressFamily, found: tuple[OspfNeighbor, ...]) -> set[str]:
        found = on_uplinks(found, self.store.director.interfaces)
        full = {each.router_id for each in found if each.full}
        before = {each.router_id for each in self.seen if each.full and each.family is family}
        if full != before:
            log.info(f"{OSPF[family][0].lower()} neighbours", full=",".join(sorted(full)) or "none")
        self.seen = (*(each for each in self.seen if each.family is not family), *found)
        health = self.store.health
        if family is AddressFamily.IPV4:
            self.store.handle(replace(health, ospf_full=len(full)))
        else:
            self.store.handle(replace(health, ospf6_full=len(full)))
        return before - full


def on_uplinks(neighbors: Iterable[OspfNeighbor], uplinks: Collection[str]) -> tuple[OspfNeighbor, ...]:
    """Return the neighbours on these interfaces: FRR may have adjacencies of the operator's on others."""
    return tuple(each for each in neighbors if each.interface in uplinks)


def watched(neighbors: Iterable[OspfNeighbor], up: Collection[BfdSession]) -> int:
    """Return how many of these neighbours a BFD session that is up watches over.

    bfdd has sessions of other protocols and of the operator too; they say nothing of the path to the switch.
    """
    return sum(BfdSession(each.address, each.interface) in up for each in neighbors)
