"""One to twelve directors behind one switch, in native namespaces, each of which can be ruined and mended.

Controllers, links and FRR are real; IPVS is a fake. The switch's kernel routes are recorded with the time of
every change.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from clusterlb.drivers.frr.text import parse
from clusterlb.model.check import CheckSpec, ProbeSpec
from clusterlb.model.inventory import Cluster, Director, Inventory, Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import Bfd, NetworkType, Ospf, Uplink
from clusterlb.render.frr import render_config
from tests.frr.conftest import Router, sh
from tests.support.rig_controller import Post, kept, run
from tests.support.route_history import History

DAEMONS = ("zebra", "ospfd", "bfdd")
SWITCH = "10.1.0.254"  # its router id
SWITCH_TIMERS = {
    "tuned": [" timers throttle spf 0 50 500", " timers throttle lsa all 0", " timers lsa min-arrival 0"],
    "default": [],
}
CHECK = CheckSpec(ProbeSpec(interval=1.0, timeout=0.5), rise=1, fall=1)
UPLINK = (Uplink("e0", NetworkType.POINT_TO_POINT),)
FIRST_VIP = IPv4Address("10.100.0.1")
ANSWER = 30.0  # seconds; only against hanging


def inventory(directors: int, vips: int = 1, **ospf: Any) -> Inventory:
    """Return an inventory in which every VIP has one pool, with one member, of its own."""
    pools = {
        f"p{n}": Pool(f"p{n}", (Member(ip_address(f"10.2.{n // 200}.{n % 200 + 1}"), 80),), (CHECK,))
        for n in range(vips)
    }
    numbers = range(1, directors + 1)
    return Inventory(
        Cluster("rig", (ip_network("10.100.0.0/16"),), ospf=replace(Ospf(bfd=Bfd(0.05, 3)), **ospf)),
        {f"d{n}": Director(f"d{n}", IPv4Address(f"10.1.0.{n}"), UPLINK) for n in numbers},
        pools,
        {vip: Vip(vip, (Service(Protocol.TCP, 80, f"p{n}"),)) for n, vip in enumerate(vips_of(vips))},
    )


def vips_of(number: int) -> list[IPv4Address]:
    """Return the VIPs of an inventory of the rig's."""
    return [FIRST_VIP + n for n in range(number)]


class ClusterDirector:
    """One director: its namespace, FRR's daemons by name, and its controller's process."""

    def __init__(self, router: Router, name: str, inventory: Inventory, root: Path) -> None:
        self.router, self.name, self.inventory = router, name, inventory
        number = int(inventory.directors[name].router_id) % 256
        self.port = f"p{number}"  # the switch's end of its cable
        self.address = IPv4Address("10.1.1.1") + 2 * number
        self.post = Post(name, inventory, root)
        self.pid = 0
        self.dead: set[str] = set()

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
            run(self.router.name, self.post, theirs)
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

    def drain(self, begins: float = 0.0, length: float | None = None) -> None:
        """Drain the director as ``clusterlb drain`` does, without asking its guard."""
        self.ask(do="drain", begins=begins, length=length)

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
        os.kill(self.pid if victim == "controller" else self.router.daemons[victim], number)
        if number == signal.SIGKILL:
            self.dead.add(victim)
            if victim == "controller":
                self._gone()

    def mend(self, victim: str) -> None:
        """Let what was stopped go on, and start what was killed, as FRR's watchfrr and systemd do."""
        if victim not in self.dead:
            self.strike(victim, signal.SIGCONT)
        elif victim == "controller":
            self.dead.discard(victim)
            self.start()
        elif victim == "zebra":
            for other in set(DAEMONS) - self.dead:  # watchfrr's phased restart
                self.strike(other, signal.SIGKILL)
            self.restart(*DAEMONS)
        else:
            self.restart(victim)

    def restart(self, *daemons: str) -> None:
        """Start killed daemons again, each with its part of the configuration file."""
        for daemon in daemons:
            for ending in ("pid", "vty"):
                Path(f"/var/run/frr/{self.router.name}/{daemon}.{ending}").unlink(missing_ok=True)
            self.router.start(daemon)
        for daemon in daemons:
            sh("vtysh", "-N", self.router.name, "-b", "-d", daemon)
        self.dead -= set(daemons)

    def kill(self) -> None:
        """Kill FRR and the controller, all at once, as the host's death does."""
        for victim in (*self.router.daemons, "controller"):
            if victim not in self.dead:
                self.strike(victim, signal.SIGKILL)

    def announces(self, vip: IPv4Address) -> bool:
        """Say whether the VIP is on a lane."""
        return bool(self.lane(vip))

    def lane(self, vip: IPv4Address) -> str:
        """Return the lane that the VIP is on, as its device is called, nothing for none."""
        shown = self.router.ip("-4", "-oneline", "addr", "show", "to", str(vip)).split()
        return shown[1] if shown else ""

    def runs_our_lines(self) -> bool:
        """Say whether FRR runs every line that the inventory asks for."""
        wanted = parse(render_config(self.inventory, self.inventory.directors[self.name]))
        return set(wanted) <= set(parse(self.router.vtysh("show running-config no-header")))

    def serves(self, vip: IPv4Address) -> bool:
        """Say whether a packet for the VIP would be delivered and scheduled here."""
        scheduled = any(
            key.address == vip and any(one.weight for one in state.destinations)
            for key, state in kept(self.post.ipvs).items()
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


class ClusterRig:
    """A switch and its directors, each on a port of its own; a context manager that leaves nothing behind.

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
        found = [one for one in self.directors if one.post.log.exists()]
        return "\n".join(f"--- {one.name}\n{one.post.log.read_text()[-1500:]}" for one in found)

    def _build(self) -> None:
        for router in (self.switch, *(one.router for one in self.directors)):
            sh("ip", "netns", "add", router.name)
            router.ip("link", "set", "lo", "up")
        for one in self.directors:
            ours = ("link", "add", "e0", "type", "veth")
            one.router.ip(*ours, "peer", "name", one.port, "netns", self.switch.name)
            one.router.ip("addr", "add", f"{one.address}/31", "dev", "e0")
            self.switch.ip("addr", "add", f"{one.address - 1}/31", "dev", one.port)
            one.router.ip("link", "set", "e0", "up")
            self.switch.ip("link", "set", one.port, "up")
        self.switch.start(*DAEMONS)
        self.switch.load(_switch_config(self.inventory, self.timers, [one.port for one in self.directors]))
        self.history = History(self.switch.name)
        self.at_once(ClusterDirector.start_frr)


def _switch_config(inventory: Inventory, timers: str, ports: Iterable[str]) -> str:
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
        *(line for port in ports for line in _port(port, bfd=bfd is not None)),
        "router ospf",
        f" ospf router-id {SWITCH}",
        *SWITCH_TIMERS[timers],
        f" maximum-paths {2 * inventory.cluster.max_active}",
        "exit",
    ]
    return "\n".join(lines) + "\n"


def _port(name: str, *, bfd: bool) -> list[str]:
    return [
        f"interface {name}",
        " ip ospf area 0.0.0.0",
        " ip ospf network point-to-point",
        " ip ospf hello-interval 1",
        " ip ospf dead-interval 3",
        " ip ospf retransmit-interval 1",
        *([" ip ospf bfd", " ip ospf bfd profile rig"] if bfd else []),
        "exit",
    ]
