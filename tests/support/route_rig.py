"""A real controller on real FRR and real links beside a real switch, in native namespaces.

Only IPVS is the fake there, for a host kernel may have none; what is measured and tested here is the way
from a decision to the switch's kernel routing table.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

from clusterlb.controller.daemon import Controller, Settings
from clusterlb.controller.kernel import Drivers
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.link import KernelLinks
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.address import IPAddress
from clusterlb.model.check import CheckSpec, ProbeSpec
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.inventory import Cluster, Director, Inventory, Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import Bfd, Lane, Ospf, Uplink
from clusterlb.model.plan import AddLocalRoute, CreateLane
from clusterlb.model.status import EngineStatus
from clusterlb.render.frr import render_config
from tests.frr.conftest import InNamespace, Router, enter, sh
from tests.support.fake_conntrack import FakeConntrack
from tests.support.fake_ipvs import FakeIpvs

RTM_NEWROUTE, RTM_DELROUTE, RTA_DST, RTMGRP_ROUTES = 24, 25, 1, 0x40 | 0x400  # of IPv4 and IPv6
SWITCH_TIMERS = {
    "tuned": [" timers throttle spf 0 10 500", " timers throttle lsa all 0", " timers lsa min-arrival 0"],
    "default": [],
}
SWITCH_IPV6 = [
    " ipv6 ospf6 hello-interval 1",
    " ipv6 ospf6 dead-interval 3",
    " ipv6 ospf6 retransmit-interval 1",
    " ipv6 ospf6 bfd",
    " ipv6 ospf6 bfd profile rig",
    " ipv6 ospf6 area 0.0.0.0",  # last: ospf6d waits out the dead interval that it has here
]
SWITCH_OSPF6 = {
    name: ["router ospf6", " ospf6 router-id 10.1.0.254", *(t for t in timers if "all" not in t), "exit"]
    for name, timers in SWITCH_TIMERS.items()
}
CHECK = CheckSpec(ProbeSpec(interval=1.0, timeout=0.5), rise=1, fall=1)


def cluster(directors: int, vips: int = 1, ipv6: bool = False, **ospf) -> Inventory:
    """Return an inventory in which every VIP has one pool, with one member, of its own.

    With ``ipv6`` there is an IPv6 prefix, too, and no VIP in it.
    """
    pools = {
        f"p{n}": Pool(f"p{n}", (Member(ip_address(f"10.2.{n // 200}.{n % 200 + 1}"), 80),), (CHECK,))
        for n in range(vips)
    }
    addresses = [ip_address("10.100.0.1") + n for n in range(vips)]
    prefixes = ["10.100.0.0/16", *(["fd00:100::/64"] if ipv6 else [])]
    return Inventory(
        Cluster("rig", tuple(map(ip_network, prefixes)), ospf=replace(Ospf(bfd=Bfd(0.05, 3)), **ospf)),
        {
            f"d{n}": Director(f"d{n}", IPv4Address(f"10.1.0.{n}"), (Uplink("e0"),))
            for n in range(1, directors + 1)
        },
        pools,
        {address: Vip(address, (Service(Protocol.TCP, 80, f"p{n}"),)) for n, address in enumerate(addresses)},
        digest="rig",
    )


class RouteWatch:
    """The switch's kernel routes, with the time of each change on the monotonic clock."""

    def __init__(self, namespace: str) -> None:
        self._socket = _inside(namespace, self._open)

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        sock.bind((0, RTMGRP_ROUTES))
        sock.setblocking(False)
        return sock

    def drain(self) -> None:
        """Forget changes seen so far."""
        with suppress(BlockingIOError):
            while self._socket.recv(65536):
                pass

    def wait(self, vip: IPAddress, kind: int | None, seconds: float = 30.0) -> float:
        """Return when a change of this kind (or any) to the VIP's route was seen; TimeoutError after that."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            select.select([self._socket], [], [], left)
            now = time.monotonic()
            with suppress(BlockingIOError):
                changes = set(_changes(self._socket.recv(65536)))
                if {(vip, kind)} & changes or (kind is None and vip in {each for each, _ in changes}):
                    return now
        raise TimeoutError(f"no route change {kind} for {vip} within {seconds} s")

    def wait_after(self, start: float, vip: IPAddress, kind: int) -> float:
        """Return the milliseconds from ``start`` until a change of this kind."""
        return (self.wait(vip, kind) - start) * 1000

    def close(self) -> None:
        self._socket.close()


def _inside(namespace: str, function):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, initializer=enter, initargs=(namespace,)) as worker:
        return worker.submit(function).result()


def _changes(data: bytes):
    offset = 0
    while offset + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if length < 16:
            return
        body = offset + 28  # nlmsghdr, rtmsg
        prefix, size_of = data[offset + 17], {2: 4, 10: 16}.get(data[offset + 16], 0)  # AF_INET, AF_INET6
        while body + 4 <= offset + length:
            size, attribute = struct.unpack_from("=HH", data, body)
            if attribute == RTA_DST and prefix == 8 * size_of:
                yield ip_address(data[body + 4 : body + 4 + size_of]), kind
            body += max(4, (size + 3) & ~3)
        offset += (length + 3) & ~3


class DirectorProcess:
    """A controller in a process of its own inside its namespace; it is told what its members do."""

    def __init__(self, router: Router, name: str, inventory: Inventory, root: Path) -> None:
        self.name = name
        ours, theirs = socket.socketpair()
        self.log = root / f"{name}.log"
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _child(router, name, inventory, root, theirs)
        theirs.close()
        self._ours = ours
        self._file = ours.makefile("rw")

    def set_members(self, up: bool, vips: list[int] | None = None) -> float:
        """Make all members (or those of some VIPs) pass or fail; return the time of the decision."""
        self._file.write(json.dumps({"up": up, "vips": vips}) + "\n")
        self._file.flush()
        return float(self._file.readline())

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self.pid:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self.pid, number)
                os.waitpid(self.pid, 0)
            self._file.close()
            self._ours.close()
            self.pid = 0


def _child(router: Router, name: str, inventory: Inventory, root: Path, control: socket.socket) -> None:
    try:
        log = os.open(root / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)  # pytest's are its own
        enter(router.name)
        asyncio.run(_serve(router, name, inventory, root, control))
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - a forked child must end here, whatever happens
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


class _Scripted:
    """An engine that observes only what it is told."""

    def __init__(self, observe) -> None:
        self.observe = observe
        self.probes: list[ProbeKey] = []
        self.stats = EngineStatus(alive=True)

    def unprobed(self) -> dict[ProbeKey, str]:
        return {}

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def set_probes(self, keys) -> None:
        self.probes = list(keys)


async def _serve(router, name, inventory, root, control) -> None:
    proc = root / f"{name}-proc"
    for setting in ("sloppy_tcp", "schedule_icmp", "expire_nodest_conn"):
        (proc / "net/ipv4/vs").mkdir(parents=True, exist_ok=True)
        (proc / "net/ipv4/vs" / setting).write_text("0\n")
    links = KernelLinks(("e0",), inventory.cluster.ospf.external)
    drivers = Drivers(
        FakeIpvs(), links, KernelSysctl(proc), FrrDaemon(router.name), KernelRules(), FakeConntrack()
    )
    engines: list[_Scripted] = []

    def engine(observe) -> _Scripted:
        engines.append(_Scripted(observe))
        return engines[-1]

    controller = Controller(
        Settings(root / "inventory.yaml", name, root / f"{name}-state"),
        inventory,
        inventory.directors[name],
        drivers,
        lambda cluster, director: parse(render_config(cluster, director)),
        engine,
    )
    reader, writer = await asyncio.open_connection(sock=control)

    async def obey() -> None:
        while line := await reader.readline():
            order = json.loads(line)
            while not engines[0].probes:  # noqa: ASYNC110 - bounded by the reader of the answer
                await asyncio.sleep(0.05)
            chosen = None if order["vips"] is None else {f"p{n}" for n in order["vips"]}
            now = time.monotonic()
            for probe in engines[0].probes:
                uses = controller.store.index.roster.users[probe]
                pools = {pool for use in uses for pool in use.pools}
                if chosen is None or chosen & pools:
                    engines[0].observe(probe, Observation(order["up"], now, 0.0, "as told"))
            writer.write(f"{now}\n".encode())
            await writer.drain()
        controller.stop()

    obedient = asyncio.create_task(obey())
    await controller.run()
    obedient.cancel()


class RouteRig:
    """A switch and its directors on one segment; a context manager that leaves nothing behind.

    Without ``controllers`` the directors have FRR's configuration, lanes and local routes, and ``links``;
    with ``late`` they have nothing before ``begin``.
    """

    def __init__(
        self,
        root: Path,
        inventory: Inventory,
        timers: str = "tuned",
        controllers: bool = True,
        late: bool = False,
    ) -> None:
        self.late = late
        self.root, self.inventory, self.timers, self.controllers = root, inventory, timers, controllers
        self.daemons = ["zebra", "ospfd", "bfdd"]
        if any(prefix.version == 6 for prefix in inventory.cluster.vip_prefixes):
            self.daemons.append("ospf6d")
        self.links: dict[str, InNamespace] = {}
        tag = f"clbr{os.getpid() % 100000}"
        self.switch = Router(f"{tag}s")
        self.routers = {name: Router(f"{tag}{name}") for name in inventory.directors}
        self.directors: dict[str, DirectorProcess] = {}

    def __enter__(self) -> RouteRig:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "watch"):
            self.watch.close()
        for director in self.directors.values():
            director.kill()
        for links in self.links.values():
            links.shut_down()
        for router in (self.switch, *self.routers.values()):
            router.stop()

    def _build(self) -> None:
        for router in (self.switch, *self.routers.values()):
            sh("ip", "netns", "add", router.name)
            router.ip("link", "set", "lo", "up")
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")
        self.switch.ip("addr", "add", "10.1.0.254/24", "dev", "br0")
        for number, router in enumerate(self.routers.values(), 1):
            router.ip(
                "link", "add", "e0", "type", "veth", "peer", "name", f"p{number}", "netns", self.switch.name
            )
            self.switch.ip("link", "set", f"p{number}", "master", "br0", "up")
            router.ip("addr", "add", f"10.1.0.{number}/24", "dev", "e0")
            router.ip("link", "set", "e0", "up")
        self.switch.start(*self.daemons)
        self.switch.load(self._switch_config())
        for name in () if self.late else self.routers:
            self.begin(name)
        self.watch = RouteWatch(self.switch.name)

    def begin(self, name: str) -> None:
        """Start a director's FRR, and its controller where it has one."""
        self.routers[name].start(*self.daemons)
        if self.controllers:
            self.start(name)
        else:
            self._prepare(name)

    def _prepare(self, name: str) -> None:
        external = self.inventory.cluster.ospf.external
        self.links[name] = InNamespace(self.routers[name].name, lambda: KernelLinks(("e0",), external))
        self.links[name].apply([*map(CreateLane, Lane), *map(AddLocalRoute, self.inventory.vips)])
        self.routers[name].load(render_config(self.inventory, self.inventory.directors[name]))

    def start(self, name: str) -> DirectorProcess:
        """Start a director's controller."""
        self.directors[name] = DirectorProcess(self.routers[name], name, self.inventory, self.root)
        return self.directors[name]

    def next_hops(self, vip: IPAddress) -> list[str]:
        """Return the switch's next hops for a VIP, from its kernel."""
        routes = json.loads(self.switch.ip("-j", f"-{vip.version}", "route", "show", str(vip)) or "[]")
        if not routes:
            return []
        return sorted(hop["gateway"] for hop in routes[0].get("nexthops", routes))

    def _switch_config(self) -> str:
        ospf = self.inventory.cluster.ospf
        interval = round(ospf.bfd.interval * 1000) if ospf.bfd else 300
        lines = [
            "bfd",
            " profile rig",
            f"  transmit-interval {interval}",
            f"  receive-interval {interval}",
            " exit",
            "exit",
            "interface br0",
            " ip ospf area 0.0.0.0",
            " ip ospf network point-to-multipoint",
            " ip ospf hello-interval 1",
            " ip ospf dead-interval 3",
            " ip ospf retransmit-interval 1",
            *([" ip ospf bfd", " ip ospf bfd profile rig"] if ospf.bfd else []),
            *(SWITCH_IPV6 if "ospf6d" in self.daemons else []),
            "exit",
            "router ospf",
            " ospf router-id 10.1.0.254",
            *SWITCH_TIMERS[self.timers],
            " maximum-paths 16",
            "exit",
            *(SWITCH_OSPF6[self.timers] if "ospf6d" in self.daemons else []),
        ]
        return "\n".join(lines) + "\n"
