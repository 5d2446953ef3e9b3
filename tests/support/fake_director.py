"""A director on fakes that behave, and a way to kill its controller after any step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from clusterlb.controller.apply import Applier
from clusterlb.controller.daemon import Controller, Settings
from clusterlb.controller.kernel import Drivers
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.store import Store
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.check import CheckSpec, ProbeSpec
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.inventory import Cluster, Director, Inventory, Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import Ospf, Uplink
from clusterlb.model.state import FrrLine
from clusterlb.model.status import EngineStatus
from clusterlb.render.frr import render_config
from tests.support.fake_conntrack import FakeConntrack
from tests.support.fake_frr import ADJACENT, ADJACENT6, FakeFrr
from tests.support.fake_ipvs import FakeIpvs
from tests.support.fake_links import FakeLinks
from tests.support.fake_rules import FakeRules

VIP = ip_address("10.100.0.1")
WALL: Callable[[], float] = time.time
SETTINGS = ("net/ipv4/vs/sloppy_tcp", "net/ipv4/vs/schedule_icmp")
OTHER_SETTINGS = (
    "net/ipv4/conf/all/accept_local",
    "net/ipv4/vs/expire_nodest_conn",
    "net/ipv4/vs/sloppy_sctp",
)
CHECK = CheckSpec(ProbeSpec(interval=0.1, timeout=0.1), rise=1, fall=1)
FOREIGN = (
    FrrLine((), "interface e0"),
    FrrLine(("interface e0",), "description to the access switch"),
    FrrLine((), "router bgp 65000"),
    FrrLine(("router bgp 65000",), "bgp router-id 10.1.0.1"),
)


def inventory(*vips: str, members: int = 3, digest: str = "1", **ospf) -> Inventory:
    """Return an inventory: each VIP serves port 80 from pool web."""
    pool = Pool(
        "web",
        tuple(Member(ip_address(f"10.2.0.{100 + n}"), 80) for n in range(1, members + 1)),
        (CHECK,),
    )
    services = (Service(Protocol.TCP, 80, "web", flags=frozenset({"mh-port", "mh-fallback"})),)
    addresses = [ip_address(vip) for vip in vips or ("10.100.0.1",)]
    return Inventory(
        Cluster("test", (ip_network("10.100.0.0/24"),), ospf=replace(Ospf(pace=0.0), **ospf)),
        {"d1": Director("d1", IPv4Address("10.1.0.1"), (Uplink("e0"),))},
        {"web": pool},
        {address: Vip(address, services) for address in addresses},
        digest=digest,
    )


class FakeEngine:
    """Observes at once whatever it is told to probe.

    ``down`` names the members that fail, ``mute`` those of which nothing is heard, ``shares`` what the
    others ask for of their weight.
    """

    def __init__(self, observe: Callable[[ProbeKey, Observation], None]) -> None:
        self.observe = observe
        self.down: set[str] = set()
        self.mute: set[str] = set()
        self.shares: dict[str, int] = {}
        self.silent = False
        self.stats = EngineStatus(alive=True)
        self.probes: list[ProbeKey] = []
        self._task: asyncio.Task[None] | None = None

    def unprobed(self) -> dict[ProbeKey, str]:
        return {}

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def set_probes(self, keys: Iterable[ProbeKey]) -> None:
        self.probes = list(keys)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def look(self, probe: ProbeKey) -> None:
        """Make one observation."""
        ok = str(probe.endpoint) not in self.down
        now = asyncio.get_running_loop().time()
        share = self.shares.get(str(probe.endpoint))
        detail = "ok" if ok else "connection refused"
        self.observe(probe, Observation(ok, now, 0.0, detail, share if ok else None))

    async def _run(self) -> None:
        while True:
            if not self.silent:
                for probe in list(self.probes):
                    if str(probe.endpoint) not in self.mute:
                        self.look(probe)
            await asyncio.sleep(0.01)


class Crash(BaseException):
    """The controller was killed."""


class Fuse:
    """Lets so many steps happen, then kills; None never does."""

    def __init__(self, steps: int | None = None) -> None:
        self.left = steps
        self.burnt = 0

    def burn(self) -> None:
        self.burnt += 1
        if self.left is not None:
            if self.left == 0:
                raise Crash
            self.left -= 1


class FusedBatch:
    """A driver that carries out a batch step by step, each with a fuse before it."""

    def __init__(self, driver, fuse: Fuse) -> None:
        self._driver, self._fuse = driver, fuse

    def __getattr__(self, name):
        return getattr(self._driver, name)

    def apply(self, steps):
        errors = []
        for step in steps:
            self._fuse.burn()
            errors += self._driver.apply([step])
        return errors


class FusedSysctl:
    def __init__(self, driver, fuse: Fuse) -> None:
        self._driver, self._fuse = driver, fuse

    def __getattr__(self, name):
        return getattr(self._driver, name)

    def write(self, name, value):
        self._fuse.burn()
        self._driver.write(name, value)


class FusedRules:
    def __init__(self, driver, fuse: Fuse) -> None:
        self._driver, self._fuse = driver, fuse

    def __getattr__(self, name):
        return getattr(self._driver, name)

    def apply(self, step):
        self._fuse.burn()
        self._driver.apply(step)


class FusedFrr:
    def __init__(self, driver, fuse: Fuse) -> None:
        self._driver, self._fuse = driver, fuse

    def __getattr__(self, name):
        return getattr(self._driver, name)

    async def configure(self, add, remove):
        self._fuse.burn()
        return await self._driver.configure(add, remove)


class FakeDirector:
    """A host: what survives a controller."""

    def __init__(
        self,
        root: Path,
        cluster: Inventory | None = None,
        make_engine: type[FakeEngine] | None = None,
        name: str = "d1",
    ) -> None:
        self.root = root
        self.name = name
        self._make_engine = make_engine or FakeEngine
        self.inventory = cluster or inventory()
        self.ipvs = FakeIpvs()
        self.links = FakeLinks(("e0",))
        self.frr = FakeFrr(FOREIGN, (ADJACENT, ADJACENT6))
        self.rules = FakeRules()
        self.engine: FakeEngine | None = None
        self.proc = root / "proc"
        for name in SETTINGS + OTHER_SETTINGS:
            (self.proc / name).parent.mkdir(parents=True, exist_ok=True)
            (self.proc / name).write_text("0\n")
        self.sysctl = KernelSysctl(self.proc)

    def settings(self) -> dict[str, str]:
        return self.sysctl.read(SETTINGS)

    def controller(self, fuse: Fuse | None = None, wall: Callable[[], float] | None = None) -> Controller:
        """Return a fresh controller for this host."""
        fuse = fuse or Fuse()

        def engine(observe):
            self.engine = self._make_engine(observe)
            return self.engine

        controller = Controller(
            Settings(self.root / "inventory.yaml", self.name, self.root / "state"),
            self.inventory,
            self.inventory.directors[self.name],
            Drivers(
                FusedBatch(self.ipvs, fuse),
                FusedBatch(self.links, fuse),
                FusedSysctl(self.sysctl, fuse),
                FusedFrr(self.frr, fuse),
                FusedRules(self.rules, fuse),
                FakeConntrack(),
            ),
            lambda cluster, director: parse(render_config(cluster, director)),
            engine,
            wall or WALL,
        )
        quick = Applier(
            controller.reconciler.kernel, controller.drivers.frr, pace=lambda: 0.0, quiet=0.0, patience=1.0
        )
        controller.reconciler.applier = quick
        return controller

    def snapshot(self):
        """Return everything a controller may change on the host."""
        links = self.links.read()
        return (
            self.ipvs.read(),
            links.lanes,
            dict(links.announced),
            links.local_routes,
            frozenset(self.frr.lines),
            self.settings(),
            self.rules.read(),
            self.ipvs.timeouts(),
        )


async def eventually(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition holds, or fail."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, "it did not come to pass"
        await asyncio.sleep(0.01)


async def idle(controller: Controller, seconds: float = 60.0) -> None:
    """Wait until the controller has all verdicts and nothing more to do."""
    await eventually(
        lambda: (
            controller.store.adopted_at is not None
            and all(
                use.key in controller.store.verdicts
                for uses in controller.store.index.roster.users.values()
                for use in uses
            )
            and not controller.store.dirty
            and not controller.reconciler.lock.locked()
            and not controller.reconciler.plan()
        ),
        seconds,
    )


def change_health(store: Store, **fields: Any) -> None:
    """Have readings say something of the director's own condition."""
    store.handle(replace(store.health, **fields))


def take_over(store: Store, given: Inventory) -> None:
    """Take an inventory over as a reload does."""
    lines = parse(render_config(given, store.director))
    store.handle(Index(given, store.director, lines))


@asynccontextmanager
async def running(host: FakeDirector) -> AsyncIterator[Controller]:
    """Run a host's controller; it is idle when the block begins."""
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    try:
        await idle(controller)
        yield controller
    finally:
        controller.stop()
        await task


@asynccontextmanager
async def unheard(host: FakeDirector) -> AsyncIterator[Controller]:
    """Run a host's controller whose checks never speak; it has done all it wants to when the block begins."""
    controller = host.controller()
    assert host.engine is not None
    host.engine.silent = True
    task = asyncio.create_task(controller.run())
    try:
        await eventually(lambda: controller.store.decided and not controller.store.dirty)
        for look in (controller.readings.services, controller.drains.look, controller.counters.look):
            await look()
        await eventually(lambda: not controller.store.dirty and not controller.reconciler.plan())
        yield controller
    finally:
        controller.stop()
        await task


def weights(host: FakeDirector, vip=VIP) -> dict[str, int]:
    """Return the weights of a VIP's only service, by member."""
    (service,) = [s for key, s in host.ipvs.read().items() if key.address == vip]
    return {str(d.key): d.weight for d in service.destinations}


def announced(host: FakeDirector) -> set:
    """Return the VIPs on lanes."""
    return set(host.links.read().announced)
