"""Read the director again and again, so that what others change is seen, counted and put right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import structlog

from clusterlb.controller.drift import Drift
from clusterlb.controller.kernel import Kernel
from clusterlb.controller.neighbors import Neighbors
from clusterlb.controller.reconcile import Reconciler
from clusterlb.controller.world import SETTLED
from clusterlb.core.cluster_view import view
from clusterlb.core.stand import stand
from clusterlb.drivers.interface import DriverError, FrrDriver
from clusterlb.drivers.link import not_local
from clusterlb.model.address import IPAddress
from clusterlb.model.cluster_view import STALE, ClusterView
from clusterlb.model.inventory import ActiveStandby
from clusterlb.model.ipvs import KEEP_TIMEOUTS
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import Announce, Withdraw
from clusterlb.model.reason import Reason
from clusterlb.model.state import FrrLine

SHARE = 20  # a reading that took t seconds is not repeated before SHARE x t: 5 % of a core at most
LONGEST_PAUSE = 10.0  # seconds; something may have happened since. Readings that take long pause longer.
DECIDING = 2.0  # seconds between two looks at FRR that decide something, and
IDLE_FRR = 8.0  # between two looks at its neighbours that decide nothing
EAGER = 0.4  # of the pause that a reading deserves is made while a VIP waits for a neighbour
IDLE_VIEW = 15.0  # seconds between two looks at the link-state database that decide nothing, and
IDLE_SHARE = 100  # as many times as long as one takes: 1 % of a core at most
LAID_AT_MOST = 3  # times that a VIP's ghost is laid
FULL_FRR = 30.0  # seconds after which FRR's whole configuration is read again

log = structlog.get_logger()


@dataclass(slots=True)
class Readings:
    """The director's own checks, and the watch over what is ours."""

    reconciler: Reconciler
    kernel: Kernel
    frr: FrrDriver
    neighbors: Neighbors = field(init=False)
    drift: Drift = field(init=False)
    _services_not_before: float = 0.0
    _host_not_before: float = 0.0
    _frr_asked_at: float = float("-inf")
    _frr_took: float = 0.0
    _frr_moved: bool = False
    _frr_read_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _look_took: float = 0.0
    _cluster_error: str = ""
    _ghosts: set[tuple[IPAddress, Lane]] = field(default_factory=set)
    _laid: Counter[IPAddress] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.neighbors = Neighbors(self.reconciler.world)
        self.drift = Drift(self.reconciler.world, self.reconciler.clock)

    async def adopt(self) -> None:
        """Read everything once and take it as it is: a start changes nothing that is right."""
        world = self.reconciler.world
        world.actual.services = await self.kernel.read_services()
        world.actual.links = await self.kernel.read_links()
        await self._host()
        if world.actual.rules.digest != world.rules.digest:
            await self.kernel.check_rules(world.rules)
        world.actual.frr = await self._frr_lines()
        await self.frr_health()
        world.hear_nothing(self.reconciler.clock())
        known = world.view(self.reconciler.clock())
        world.standings = stand(world.inventory, world.index.keys.keys(), known)
        world.health_changed(carrier=dict(world.actual.links.carrier))
        world.adopted_at = self.reconciler.clock()
        self.reconciler.later(world.adopted_at + SETTLED, None, None)
        world.mark_all()

    async def services(self) -> None:
        """Read all virtual services; what is ours and differs from the last reading was changed by others."""
        clock = self.reconciler.clock
        if clock() < self._services_not_before:
            return
        async with self.reconciler.lock:
            world = self.reconciler.world
            if world.leaving:
                return
            started = clock()
            try:
                found = await self.kernel.read_services()
            except DriverError as error:
                self._ipvs_failed(str(error))
                return
            before, world.actual.services = world.actual.services, found
            tables = await self._host_drift()
            if world.health.ipvs_failures:
                world.health_changed(ipvs_failures=0, ipvs_error="")
            mine = {*world.index.owned, *self.reconciler.ledger.services}
            drift = [key for key in mine if found.get(key) != before.get(key)]
            self.drift.services(drift, found, mine)
            if drift or tables:
                self.drift.put_right([*map(str, drift), *tables])
                world.mark_keys(drift)
            self._services_not_before = clock() + _pause(clock() - started)

    async def rules(self) -> None:
        """Read our nftables table; called when the kernel says that some of it was deleted."""
        async with self.reconciler.lock:
            world = self.reconciler.world
            if world.leaving:
                return
            before = world.actual.rules
            try:
                world.actual.take_rules(await self.kernel.read_rules())
            except DriverError as error:
                log.warning("nftables unreadable", error=str(error))
                return
            if world.actual.rules != before:
                self.drift.put_right(["nftables"])

    async def host(self) -> None:
        """Read settings; called when the kernel says that one of them has changed.

        Others may change theirs many times a second: ours are read as often as what it costs allows.
        """
        clock = self.reconciler.clock
        async with self.reconciler.lock:
            if self.reconciler.world.leaving or clock() < self._host_not_before:
                return
            started = clock()
            if drift := await self._host_drift():
                self.drift.put_right(drift)
            self._host_not_before = clock() + _pause(clock() - started)

    async def _host_drift(self) -> list[str]:
        """Read settings and our nftables table and return what of them others have changed."""
        world = self.reconciler.world
        before = world.actual.rules
        try:
            await self._host()
        except DriverError as error:
            log.warning("settings unreadable", error=str(error))
        settings = [n for n, v in world.index.sysctls.items() if world.actual.sysctls.get(n) != v]
        return [*settings, *(["nftables"] if before != world.actual.rules else [])]

    async def _host(self) -> None:
        """Read what is neither a service nor a link: settings, timeouts, our nftables table."""
        world = self.reconciler.world
        ledger = self.reconciler.ledger
        abandoned = ledger.abandoned_sysctls(world.index.settings)
        world.actual.sysctls = await self.kernel.read_sysctls((*world.index.sysctls, *abandoned))
        for name, value in abandoned.items():
            if world.actual.sysctls.get(name, value) == value:
                del ledger.sysctls[name]  # as it was before us, and the operator's again
        world.actual.limits = await self.kernel.read_limits(tuple(world.index.limits))
        if world.inventory.cluster.timeouts != KEEP_TIMEOUTS:
            world.actual.timeouts = await self.kernel.read_timeouts()
        world.actual.take_rules(await self.kernel.read_rules())
        absent = not_local(world.index.borrowed)
        if absent != world.absent:
            world.absent = absent
            world.mark_all()

    async def links(self) -> None:
        """Read lanes, addresses, routes and carriers; called when the kernel says that something changed."""
        async with self.reconciler.lock:
            world = self.reconciler.world
            if world.leaving:
                return
            before = world.actual.links
            try:
                found = await self.kernel.read_links()
            except DriverError as error:
                log.warning("links unreadable", error=str(error))
                return
            world.actual.links = found
            if dict(found.carrier) != dict(world.health.carrier):
                world.health_changed(carrier=dict(found.carrier))
            vips = {
                vip
                for vip in {*before.announced, *found.announced, *before.local_routes, *found.local_routes}
                if before.announced.get(vip) != found.announced.get(vip)
                or (vip in before.local_routes) != (vip in found.local_routes)
            }
            peers = before.peers ^ found.peers
            devices = before.devices ^ found.devices
            if vips or peers or devices or before.lanes != found.lanes:
                lanes = (lane.value for lane in before.lanes - found.lanes)
                names = {device.name for device in devices}
                self.drift.put_right([*map(str, vips), *lanes, *map(str, peers), *names])
                moved = {v for v in vips if before.announced.get(v) != found.announced.get(v)}
                world.changed(moved, self.reconciler.clock())
                world.mark_vips(vips)
                if peers or devices or before.lanes != found.lanes:
                    world.mark_all()

    def routes_moved(self) -> None:
        """Have FRR asked soon: the kernel's links or routes have changed."""
        self._frr_moved = True

    async def frr_health(self) -> None:
        """Ask FRR for its neighbours; now and then, and after a silence, for its configuration too."""
        clock = self.reconciler.clock
        started = clock()
        if started < self._frr_asked_at + self._frr_pause():
            return
        self._frr_moved = False
        try:
            await self._ask_frr()
        finally:
            self._frr_asked_at = clock()
            self._frr_took = self._frr_asked_at - started

    async def _ask_frr(self) -> None:
        world = self.reconciler.world
        lost = await self.neighbors.ask(self.frr)
        if lost is None:
            world.actual.frr = None
            return
        if world.inventory.cluster.director_checks.bfd:
            await self.neighbors.ask_bfd(self.frr)
        # who went may have gone because FRR lost its configuration
        if world.actual.frr is None or lost or self.reconciler.clock() >= self._frr_read_at + FULL_FRR:
            await self._reread_frr()
        if world.health.frr_failures and world.actual.frr is not None:
            world.health_changed(frr_failures=0, frr_error="")

    def _frr_pause(self) -> float:
        """Return the seconds between two looks: few where what FRR says decides something, or is about to."""
        world = self.reconciler.world
        pause = _pause(self._frr_took)
        if not all(world.health.full(family) for family in world.inventory.cluster.families):
            waits = any(each.because.reason is Reason.NOT_ADJACENT for each in world.decided.values())
            return EAGER * pause if waits else max(DECIDING, pause)
        checks = world.inventory.cluster.director_checks
        decides = checks.bfd or checks.ospf_full or world.health.frr_failures or self._frr_moved
        return max(DECIDING if decides else IDLE_FRR, pause)

    async def _reread_frr(self) -> None:
        """Read what FRR runs; a daemon that hangs must not keep the loop waiting."""
        world = self.reconciler.world
        made = world.counts["frr_configurations"]
        found = await self._frr_lines()
        async with self.reconciler.lock:
            if world.counts["frr_configurations"] != made:
                return  # it was configured meanwhile, and has said since what it runs
            before, world.actual.frr = world.actual.frr, found
            if found is not None and before != found:
                world.mark_all()

    async def _frr_lines(self) -> tuple[FrrLine, ...] | None:
        """Return what FRR runs; None, and a failure more, when it does not answer."""
        self._frr_read_at = self.reconciler.clock()
        try:
            return await self.frr.read()
        except DriverError as error:
            failures = self.reconciler.world.health.frr_failures + 1
            self.reconciler.world.health_changed(frr_failures=failures, frr_error=str(error))
            return None

    @property
    def cluster_error(self) -> str:
        """Return why the last look at the link-state database failed; empty when it did not."""
        return self._cluster_error

    async def cluster(self, *, at_once: bool = False) -> None:
        """Read the link-state database: who announces what, and in which lane.

        While no decision hangs on it, it is read for the operator's eyes alone, now and then.
        """
        clock = self.reconciler.clock
        started = clock()
        alone = not self.reconciler.world.health.adjacent
        if (started < self._looked_at + self._view_pause() or alone) and not at_once:
            return
        world = self.reconciler.world
        cluster = world.inventory.cluster
        try:
            announced = world.own_addresses()
            databases = await self.frr.databases(ipv6=any(address.version == 6 for address in announced))
        except DriverError as error:
            self._cluster_silent(str(error))
            return
        finally:
            self._looked_at = clock()
            self._look_took = self._looked_at - started
        seen = view(databases, cluster.ospf.costs, cluster.vip_prefixes, world.director.router_id, started)
        world.take_view(seen)
        await self._lay_ghosts(seen)
        self._cluster_error = ""

    async def _lay_ghosts(self, seen: ClusterView) -> None:
        """Have FRR forget VIPs of ours that its database has in two looks running, and no lane has.

        A zebra that was started again alone (FRR 8.4) does not tell ospfd of addresses that went meanwhile;
        it does when the same address comes and goes again on the same lane.
        """
        world = self.reconciler.world
        ghosts = {
            (one.vip, one.lane)
            for announcements in seen.announcements.values()
            for one in announcements
            if one.router_id == seen.own_router_id and one.alive and one.lane is not None
            if one.vip in world.inventory.vips and one.vip not in world.actual.links.announced
        }
        again, self._ghosts = ghosts & self._ghosts, ghosts
        if world.paused is not None:
            return
        for vip, lane in again:
            if self._laid[vip] >= LAID_AT_MOST:
                continue  # somebody else announces it from here, and that is not ours to end
            self._laid[vip] += 1
            log.error("FRR announces what no lane has: having it forget it", vip=str(vip), lane=lane.value)
            async with self.reconciler.lock:
                if vip not in world.actual.links.announced and not world.leaving and world.paused is None:
                    await self.kernel.submit([Announce(vip, lane)])
                    await self.kernel.submit([Withdraw(vip, lane)])

    def _view_pause(self) -> float:
        """Return the seconds between two looks: where they decide, so few that none grows stale meanwhile."""
        if self._decides():
            return max(DECIDING, min(_pause(self._look_took), STALE / 3))
        return max(IDLE_VIEW, self._look_took * IDLE_SHARE)

    def _decides(self) -> bool:
        """Say whether what the other directors do decides anything here."""
        world = self.reconciler.world
        cluster = world.inventory.cluster
        crowded = len(world.inventory.directors) > cluster.max_active
        return bool(
            crowded
            or world.drains
            or world.inventory.snat_pools
            or any(isinstance(vip.ha, ActiveStandby) for vip in world.inventory.vips.values())
        )

    def _cluster_silent(self, error: str) -> None:
        if not self._cluster_error and self.reconciler.world.health.ospf_full:
            log.warning("the link-state database is unreadable", error=error)
        self._cluster_error = error

    def _ipvs_failed(self, error: str) -> None:
        world = self.reconciler.world
        world.health_changed(ipvs_failures=world.health.ipvs_failures + 1, ipvs_error=error)


def _pause(took: float) -> float:
    """Return the seconds until a reading that took so many is worth repeating."""
    # a host that is starved must not be starved further by those who ask it how it is
    return min(SHARE * took, max(LONGEST_PAUSE, 3 * took))
