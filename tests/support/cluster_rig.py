"""One to twelve directors behind one switch, in native namespaces, each of which can be ruined and mended.

Controllers, links and FRR are real; IPVS is a fake that, like the kernel's, outlives the controller. The
switch's kernel routes are recorded with the time of every change.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from pathlib import Path

from clusterlb.controller.daemon import Controller, Settings
from clusterlb.controller.kernel import Drivers
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.render import render_config
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.ipvs import errors
from clusterlb.drivers.ipvs.fake import FakeIpvs
from clusterlb.drivers.link import KernelLinks
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.lab.routes import RouteWatch, Table
from clusterlb.model.check import CheckSpec, ProbeSpec
from clusterlb.model.health import Observation
from clusterlb.model.intent import Intent, IntentKind
from clusterlb.model.inventory import (
    Bfd,
    Cluster,
    Director,
    Inventory,
    Member,
    Ospf,
    Pool,
    Service,
    Uplink,
    Vip,
)
from clusterlb.model.ipvs import Protocol, ServiceKey, ServiceState
from clusterlb.model.plan import AddService, IpvsStep, StepError
from tests.frr.conftest import Router, enter, sh

DAEMONS = ("zebra", "ospfd", "bfdd")
SWITCH = "10.1.0.254"
SWITCH_TIMERS = {
    "tuned": [" timers throttle spf 0 50 500", " timers throttle lsa all 0", " timers lsa min-arrival 0"],
    "default": [],
}
CHECK = CheckSpec(ProbeSpec(interval=1.0, timeout=0.5), rise=1, fall=1)
FIRST_VIP = IPv4Address("10.100.0.1")
ANSWER = 30.0  # seconds; only against hanging


def inventory(directors: int, vips: int = 1, **ospf: object) -> Inventory:
    """Return an inventory in which every VIP has one pool, with one member, of its own."""
    pools = {
        f"p{n}": Pool(f"p{n}", (Member(ip_address(f"10.2.{n // 200}.{n % 200 + 1}"), 80),), (CHECK,))
        for n in range(vips)
    }
    return Inventory(
        Cluster("rig", (ip_network("10.100.0.0/16"),), ospf=replace(Ospf(bfd=Bfd(0.05, 3)), **ospf)),
        {
            f"d{n}": Director(f"d{n}", IPv4Address(f"10.1.0.{n}"), (Uplink("e0"),))
            for n in range(1, directors + 1)
        },
        pools,
        {vip: Vip(vip, (Service(Protocol.TCP, 80, f"p{n}"),)) for n, vip in enumerate(vips_of(vips))},
    )


def vips_of(number: int) -> list[IPv4Address]:
    """Return the VIPs of an inventory of the rig's."""
    return [FIRST_VIP + n for n in range(number)]


class KeptIpvs(FakeIpvs):
    """An IPVS table in a file, so that it outlives its controller; refuses services while told to."""

    def __init__(self, file: Path) -> None:
        super().__init__(kept(file))
        self.file = file

    def apply(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        if self.file.with_suffix(".refuse").exists():
            refused = [step for step in steps if isinstance(step, AddService)]
            others = [step for step in steps if not isinstance(step, AddService)]
            why = [StepError(step, errno.ENOMEM, errors.meaning(step, errno.ENOMEM)) for step in refused]
            return why + super().apply(others)
        failed = super().apply(steps)
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(pickle.dumps(self.read()))
        fresh.replace(self.file)
        return failed


def kept(file: Path) -> dict[ServiceKey, ServiceState]:
    """Return the table in a file; empty when there is none yet."""
    return pickle.loads(file.read_bytes()) if file.exists() else {}


class ClusterDirector:
    """One director: its namespace, FRR's daemons by name, and its controller's process."""

    def __init__(self, router: Router, name: str, inventory: Inventory, root: Path) -> None:
        self.router, self.name, self.inventory = router, name, inventory
        self.address = inventory.directors[name].router_id
        self.root, self.log, self.ipvs = root, root / f"{name}.log", root / f"{name}.ipvs"
        self.pid = 0

    def start_frr(self) -> None:
        """Start FRR with the configuration file that a former life left behind, as a boot does."""
        self.router.start(*DAEMONS)
        self.router.load(render_config(self.inventory, self.inventory.directors[self.name]))
        sh("vtysh", "-N", self.router.name, "-c", "write")

    def start(self) -> None:
        """Start the controller; its members are up."""
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _child(self, theirs)
        theirs.close()
        ours.settimeout(ANSWER)
        self._socket, self._file = ours, ours.makefile("rw")

    def ask(self, **order: object) -> object:
        """Give the controller's process an order and return its answer."""
        self._file.write(json.dumps(order) + "\n")
        self._file.flush()
        return json.loads(self._file.readline())

    def members(self, up: bool, vips: Iterable[int] | None = None) -> float:
        """Make all members, or those of some VIPs, pass or fail; return the time of the observation."""
        return float(str(self.ask(do="members", up=up, vips=None if vips is None else list(vips))))

    def drain(self) -> None:
        """Drain the director as ``clusterlb drain`` does, without asking its guard."""
        self.ask(do="drain")

    def undrain(self) -> None:
        """Take the drain back."""
        self.ask(do="undrain")

    def lanes(self) -> dict[str, list[str]]:
        """Return the lanes that the controller has last decided on, and why, by VIP."""
        answer = self.ask(do="lanes")
        assert isinstance(answer, dict)
        return answer

    def strike(self, victim: str, number: signal.Signals) -> None:
        """Send a signal to a daemon of FRR by its name, or to the ``controller``."""
        pid = self.pid if victim == "controller" else self.router.daemons[victim]
        os.kill(pid, number)
        if victim == "controller" and number is signal.SIGKILL:
            self._gone()

    def restart(self, *daemons: str) -> None:
        """Start killed daemons again as watchfrr does, each with its part of the configuration file."""
        for daemon in daemons:
            for ending in ("pid", "vty"):
                Path(f"/var/run/frr/{self.router.name}/{daemon}.{ending}").unlink(missing_ok=True)
            self.router.start(daemon)
        for daemon in daemons:
            sh("vtysh", "-N", self.router.name, "-b", "-d", daemon)

    def kill(self) -> None:
        """Kill FRR and the controller, all at once, as the host's death does."""
        for victim in (*self.router.daemons, *(["controller"] if self.pid else [])):
            with suppress(ProcessLookupError):
                self.strike(victim, signal.SIGKILL)

    def serves(self, vip: IPv4Address) -> bool:
        """Say whether a packet for the VIP would be delivered and scheduled here."""
        scheduled = any(
            key.address == vip and any(one.weight for one in state.destinations)
            for key, state in kept(self.ipvs).items()
        )
        return scheduled and f"local {vip} " in self.router.ip("route", "show", "table", "local")

    def stop(self) -> None:
        """End everything that was started."""
        if self.pid:
            self.strike("controller", signal.SIGKILL)
        self.router.stop()

    def _gone(self) -> None:
        os.waitpid(self.pid, 0)
        self._file.close()
        self._socket.close()
        self.pid = 0


class History(threading.Thread):
    """The switch's routes and when they changed: ``seen`` is [(seconds on the monotonic clock, table)]."""

    def __init__(self, namespace: str) -> None:
        super().__init__(daemon=True)
        self._watch = RouteWatch(namespace)
        self._ended = threading.Event()
        self.seen: list[tuple[float, Table]] = [(time.monotonic(), self._watch.table())]
        self.start()

    def run(self) -> None:
        while not self._ended.is_set():
            if self._watch.wait(0.2):
                self.seen.append((time.monotonic(), self._watch.table()))

    def hops(self, vip: IPv4Address) -> set[IPv4Address]:
        """Return the next hops of a VIP as last seen."""
        return set(self.seen[-1][1].get(IPv4Network(vip), ()))

    def of(self, vip: IPv4Address, since: float = 0.0) -> list[tuple[float, frozenset[IPv4Address]]]:
        """Return the next hops of a VIP at ``since`` and each change after it, with the times."""
        found: list[tuple[float, frozenset[IPv4Address]]] = []
        for at, table in tuple(self.seen):
            hops = frozenset(table.get(IPv4Network(vip), ()))
            if at < since:
                found = [(since, hops)]
            elif not found or found[-1][1] != hops:
                found.append((at, hops))
        return found

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()
        self._watch.close()


class ClusterRig:
    """A switch and its directors on one segment; a context manager that leaves nothing behind.

    FRR runs on every director from the start; controllers are started one by one.
    """

    def __init__(self, root: Path, inventory: Inventory, timers: str = "tuned") -> None:
        self.inventory, self.timers = inventory, timers
        tag = f"clbc{os.getpid() % 100000}"
        self.switch = Router(f"{tag}s")
        self.directors = [
            ClusterDirector(Router(f"{tag}{name}"), name, inventory, root) for name in inventory.directors
        ]

    def __enter__(self) -> ClusterRig:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "history"):
            self.history.close()
        for director in self.directors:
            director.stop()
        self.switch.stop()

    def by_address(self, address: IPv4Address) -> ClusterDirector:
        """Return the director behind a next hop."""
        return next(one for one in self.directors if one.address == address)

    def at_once(self, work: Callable[[ClusterDirector], object]) -> None:
        """Do something that waits for other programs with all directors at the same time."""
        with ThreadPoolExecutor(6) as workers:
            list(workers.map(work, self.directors))

    def logs(self) -> str:
        """Return the end of every controller's log, for a failed test."""
        found = [one for one in self.directors if one.log.exists()]
        return "\n".join(f"--- {one.name}\n{one.log.read_text()[-1500:]}" for one in found)

    def _build(self) -> None:
        for router in (self.switch, *(one.router for one in self.directors)):
            sh("ip", "netns", "add", router.name)
            router.ip("link", "set", "lo", "up")
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")
        self.switch.ip("addr", "add", f"{SWITCH}/24", "dev", "br0")
        for one in self.directors:
            peer = f"p{one.name}"
            one.router.ip("link", "add", "e0", "type", "veth", "peer", peer, "netns", self.switch.name)
            self.switch.ip("link", "set", peer, "master", "br0", "up")
            one.router.ip("addr", "add", f"{one.address}/24", "dev", "e0")
            one.router.ip("link", "set", "e0", "up")
        self.switch.start(*DAEMONS)
        self.switch.load(_switch_config(self.inventory, self.timers))
        self.history = History(self.switch.name)
        self.at_once(ClusterDirector.start_frr)


def _switch_config(inventory: Inventory, timers: str) -> str:
    bfd = inventory.cluster.ospf.bfd
    interval = round(bfd.interval * 1000) if bfd else 300
    lines = [
        "bfd",
        " profile rig",
        f"  transmit-interval {interval}",
        f"  receive-interval {interval}",
        *([f"  detect-multiplier {bfd.multiplier}"] if bfd else []),
        " exit",
        "exit",
        "interface br0",
        " ip ospf area 0.0.0.0",
        " ip ospf network point-to-multipoint",
        " ip ospf hello-interval 1",
        " ip ospf dead-interval 3",
        " ip ospf retransmit-interval 1",
        *([" ip ospf bfd", " ip ospf bfd profile rig"] if bfd else []),
        "exit",
        "router ospf",
        f" ospf router-id {SWITCH}",
        *SWITCH_TIMERS[timers],
        f" maximum-paths {2 * inventory.cluster.max_active}",
        "exit",
    ]
    return "\n".join(lines) + "\n"


def _child(one: ClusterDirector, control: socket.socket) -> None:
    try:
        log = os.open(one.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)  # pytest's are its own
        enter(one.router.name)
        asyncio.run(_serve(one, control))
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - a forked child must end here, whatever happens
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


class _Engine:
    """Sees every member as it is told to, at once."""

    def __init__(self, controller: Callable[[], Controller]) -> None:
        self._controller = controller
        self.stats: dict[str, object] = {}
        self.failing: set[str] = set()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def set_probes(self, keys: Iterable[object]) -> None:
        asyncio.get_running_loop().call_soon(self.look)

    def look(self) -> float:
        """Observe all; return when."""
        controller, now = self._controller(), time.monotonic()
        for probe, users in controller.world.index.roster.users.items():
            pools = {pool for names in users.values() for pool in names}
            controller.reconciler.observe(probe, Observation(not pools & self.failing, now, 0.0, "as told"))
        return now


async def _serve(one: ClusterDirector, control: socket.socket) -> None:
    proc = one.root / f"{one.name}-proc"
    (proc / "net/ipv4/vs").mkdir(parents=True, exist_ok=True)
    for setting in ("sloppy_tcp", "schedule_icmp"):
        (proc / "net/ipv4/vs" / setting).write_text("0\n")
    engine = _Engine(lambda: controller)
    controller = Controller(
        Settings(one.root / "inventory.yaml", one.name, one.root / f"{one.name}-state"),
        one.inventory,
        one.inventory.directors[one.name],
        Drivers(KeptIpvs(one.ipvs), KernelLinks(("e0",)), KernelSysctl(proc), FrrDaemon(one.router.name)),
        lambda cluster, director: parse(render_config(cluster, director)),
        lambda observe: engine,
    )
    reader, writer = await asyncio.open_connection(sock=control)

    async def obey() -> None:
        while line := await reader.readline():
            writer.write(json.dumps(_obey(controller, engine, json.loads(line))).encode() + b"\n")
            await writer.drain()

    obedient = asyncio.create_task(obey())
    await controller.run()
    obedient.cancel()


def _obey(controller: Controller, engine: _Engine, order: dict[str, object]) -> object:
    match order:
        case {"do": "members", "up": up, "vips": vips}:
            named = {f"p{number}" for number in vips or range(len(controller.inventory.vips))}
            engine.failing = engine.failing - named if up else engine.failing | named
            return engine.look()
        case {"do": "drain"}:
            drain = Intent(IntentKind.DRAIN, "director", "", "rig", "a step of the sweep", 0.0)
            controller.intents.set(drain)
        case {"do": "undrain"}:
            controller.intents.clear(IntentKind.DRAIN, "director")
        case {"do": "lanes"}:
            decided = controller.world.decided
            return {
                str(vip): [*sorted(lane.value for lane in one.lanes), str(one.because)]
                for vip, one in decided.items()
            }
    return None
