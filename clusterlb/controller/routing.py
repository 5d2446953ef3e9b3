"""Look at FRR, which tells nobody when it changes: its neighbours, what it runs, and the other directors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import structlog

from clusterlb.controller.neighbors import Neighbors
from clusterlb.controller.readings import pause_after
from clusterlb.controller.reconcile import Reconciler
from clusterlb.controller.store.events import FrrRead
from clusterlb.controller.store.store import Store
from clusterlb.core.cluster_view import view
from clusterlb.core.fitness import Failures
from clusterlb.drivers.interface import DriverError, FrrDriver
from clusterlb.model.address import IPAddress
from clusterlb.model.cluster_view import STALE, ClusterView
from clusterlb.model.inventory import ActiveStandby
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import Announce, Withdraw
from clusterlb.model.reason import Reason
from clusterlb.model.state import FrrLine

DECIDING = 2.0  # seconds between two looks at FRR that decide something, and
IDLE_FRR = 8.0  # between two looks at its neighbours that decide nothing
EAGER = 0.4  # of the pause that a reading deserves is made while a VIP waits for a neighbour
IDLE_VIEW = 15.0  # seconds between two looks at the link-state database that decide nothing, and
IDLE_SHARE = 100  # as many times as long as one takes: 1 % of a core at most
FORGOTTEN_AT_MOST = 3  # times that FRR is made to forget a VIP
FULL_FRR = 30.0  # seconds after which FRR's whole configuration is read again

log = structlog.get_logger()


@dataclass(slots=True)
class Routing:
    """Reads FRR for the store. ``error`` says why the last look at the other directors failed, if it did."""

    reconciler: Reconciler
    frr: FrrDriver
    neighbors: Neighbors = field(init=False)
    error: str = ""
    _asked_at: float = float("-inf")
    _took: float = 0.0
    _moved: bool = False
    _read_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _look_took: float = 0.0
    _stale: set[tuple[IPAddress, Lane]] = field(default_factory=set)
    _forgotten: Counter[IPAddress] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.neighbors = Neighbors(self.reconciler.store)

    @property
    def store(self) -> Store:
        """Return what is known."""
        return self.reconciler.store

    async def all(self) -> None:
        """Read once what FRR runs, and its neighbours."""
        self.store.handle(FrrRead(await self._lines()))
        await self.health()

    def routes_moved(self) -> None:
        """Have FRR asked soon: the kernel's links or routes have changed."""
        self._moved = True

    async def look(self) -> None:
        """Look at FRR, and then at the others: a database is worth a look as soon as a neighbour is Full."""
        await self.health()
        await self.cluster()

    async def health(self) -> None:
        """Ask FRR for its neighbours; now and then, and after a silence, for its configuration too."""
        clock = self.store.clock
        started = clock()
        if started < self._asked_at + self._pause():
            return
        self._moved = False
        try:
            await self._ask()
        finally:
            self._asked_at = clock()
            self._took = self._asked_at - started

    async def _ask(self) -> None:
        store = self.store
        lost = await self.neighbors.ask(self.frr)
        if lost is None:
            store.handle(FrrRead(None))
            return
        if store.inventory.cluster.director_checks.bfd:
            await self.neighbors.ask_bfd(self.frr)
        # a neighbour may be lost because FRR lost its configuration
        if store.actual.frr is None or lost or store.clock() >= self._read_at + FULL_FRR:
            await self._reread()
        if store.health.frr.times and store.actual.frr is not None:
            store.handle(replace(store.health, frr=Failures()))

    def _pause(self) -> float:
        """Return the seconds between two looks: few where what FRR says decides something, or is about to."""
        store = self.store
        pause = pause_after(self._took)
        if not all(store.health.full(family) for family in store.inventory.cluster.families):
            waits = any(each.because.reason is Reason.NOT_ADJACENT for each in store.decided.values())
            return EAGER * pause if waits else max(DECIDING, pause)
        checks = store.inventory.cluster.director_checks
        decides = checks.bfd or checks.ospf_full or store.health.frr.times or self._moved
        return max(DECIDING if decides else IDLE_FRR, pause)

    async def _reread(self) -> None:
        """Read what FRR runs; a daemon that hangs must not keep the loop waiting."""
        store = self.store
        made = store.counts["frr_configurations"]
        found = await self._lines()
        async with self.reconciler.lock:
            if store.counts["frr_configurations"] == made:  # else it has said since what it runs
                store.handle(FrrRead(found))

    async def _lines(self) -> tuple[FrrLine, ...] | None:
        """Return what FRR runs; None, and a failure more, when it does not answer."""
        store = self.store
        self._read_at = store.clock()
        try:
            return await self.frr.read()
        except DriverError as error:
            store.handle(replace(store.health, frr=store.health.frr.again(error)))
            return None

    async def cluster(self, *, at_once: bool = False) -> None:
        """Read the link-state database: which director announces what, and in which lane.

        While no decision hangs on it, it is read for the operator's eyes alone, now and then.
        """
        store = self.store
        started = store.clock()
        alone = not store.health.adjacent
        if (started < self._looked_at + self._view_pause() or alone) and not at_once:
            return
        cluster = store.inventory.cluster
        try:
            ipv6 = any(address.version == 6 for address in store.own_addresses())
            databases = await self.frr.databases(ipv6=ipv6)
        except DriverError as error:
            if not self.error and store.health.ospf_full:
                log.warning("the link-state database is unreadable", error=str(error))
            self.error = str(error)
            return
        finally:
            self._looked_at = store.clock()
            self._look_took = self._looked_at - started
        seen = view(databases, cluster.ospf.costs, cluster.vip_prefixes, store.director.router_id, started)
        store.handle(seen)
        await self._withdraw_stale(seen)
        self.error = ""

    async def _withdraw_stale(self, seen: ClusterView) -> None:
        """Have FRR forget VIPs of ours that its database has in two looks running, and no lane has.

        A zebra that was started again alone (FRR 8.4) does not tell ospfd of addresses that went meanwhile;
        it does when the same address comes and goes again on the same lane.
        """
        store = self.store
        stale = {
            (one.vip, one.lane)
            for announcements in seen.announcements.values()
            for one in announcements
            if one.router_id == seen.own_router_id and one.alive and one.lane is not None
            if one.vip in store.inventory.vips and one.vip not in store.actual.links.announced
        }
        again, self._stale = stale & self._stale, stale
        if store.paused:
            return
        for vip, lane in again:
            if self._forgotten[vip] >= FORGOTTEN_AT_MOST:
                continue  # somebody else announces it from here, and that is not ours to end
            self._forgotten[vip] += 1
            log.error("FRR announces what no lane has: having it forget it", vip=str(vip), lane=lane.value)
            async with self.reconciler.lock:
                if vip not in store.actual.links.announced and not store.leaving and not store.paused:
                    await self.reconciler.kernel.submit([Announce(vip, lane)])
                    await self.reconciler.kernel.submit([Withdraw(vip, lane)])

    def _view_pause(self) -> float:
        """Return the seconds between two looks: where they decide, so few that none grows stale meanwhile."""
        if self._decides():
            return max(DECIDING, min(pause_after(self._look_took), STALE / 3))
        return max(IDLE_VIEW, self._look_took * IDLE_SHARE)

    def _decides(self) -> bool:
        """Say whether what the other directors do decides anything here."""
        store, cluster = self.store, self.store.inventory.cluster
        return bool(
            len(store.inventory.directors) > cluster.max_active
            or store.in_force.drains
            or store.inventory.snat_pools
            or any(isinstance(vip.ha, ActiveStandby) for vip in store.inventory.vips.values())
        )
