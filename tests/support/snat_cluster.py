"""Three directors with SNAT pools between an inner and an outer router: FRR and controllers are real.

``core`` and ``outer`` are routers with ospfd: the one takes its default route from the directors, the other
the SNAT addresses. Behind core are two servers (one namespace, two addresses), behind outer one host.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner

from clusterlb.cli.client import UnreachableError, ask
from clusterlb.cli.main import main
from clusterlb.controller.daemon import TICK_EVERY
from clusterlb.core.marks import director_marks
from clusterlb.core.snat.buckets import BUCKETS
from clusterlb.drivers.nft.driver import KernelRules
from tests.frr.conftest import Router, enter, eventually, sh
from tests.support.snat_controller import options

T = TypeVar("T")
DIRECTORS = ("d1", "d2", "d3")
SNAT = {name: f"10.100.2.{n}" for n, name in enumerate(DIRECTORS, 1)}
SERVERS = [ip_address("10.2.1.101"), ip_address("10.2.1.102")]
OUTSIDE = ip_address("10.3.0.1")
INVENTORY = """\
cluster:
  name: outbound
  vip_prefixes: [10.100.2.0/24]
  ospf: {default_originate: true, bfd: null, hello: 1s, dead: 10s}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0, e1], inside: [10.2.0.1]}
  d2: {router_id: 10.1.0.2, uplinks: [e0, e1], inside: [10.2.0.2]}
  d3: {router_id: 10.1.0.3, uplinks: [e0, e1], inside: [10.2.0.3]}
snat_pools:
  internet: {sources: [10.2.1.0/24], addresses: {d1: [10.100.2.1], d2: [10.100.2.2], d3: [10.100.2.3]}}
"""
ROUTER = """\
interface lan
 ip ospf area 0.0.0.0
 ip ospf dead-interval 10
 ip ospf hello-interval 1
 ip ospf network point-to-multipoint
 ip ospf retransmit-interval 1
exit
router ospf
 ospf router-id 10.{net}.0.254
 timers throttle spf 0 50 500
 timers throttle lsa all 0
 timers lsa min-arrival 0
 passive-interface hosts
exit
"""
SERVERS_NET = "interface hosts\n ip ospf area 0.0.0.0\nexit\n"
# the operator's own on a director: its way out, and what has nothing to do with us
OPERATOR = "ip route 0.0.0.0/0 10.1.0.254\nip route 198.51.100.0/24 blackhole\n"
# what docs/snat.md has an operator write where FRR knows the line (10.7 does, 10.3 does not)
OWN_FORWARDING = "router ospf\n forwarding-address-self\nexit\n"
FOREIGN_TABLE = """\
table ip operator {
  map zones { type ipv4_addr : mark; elements = { 192.0.2.1 : 0x7 }; }
  chain input { type filter hook input priority 5; ip saddr 192.0.2.1 counter accept; }
}
"""


class SnatDirector:
    """One director: its namespace with FRR, and the process of its controller."""

    def __init__(self, router: Router, name: str, root: Path) -> None:
        self.router, self.name, self.root = router, name, root
        self.run_dir = options(root, name, router.name).run_dir
        self.process: subprocess.Popen[bytes] | None = None
        self.within: list[str] = []  # what runs the controller's program, its arguments

    def start(self) -> None:
        """Start the controller, as systemd would; it need not be ready yet."""
        self.run_dir.mkdir(exist_ok=True)
        words = [sys.executable, "-m", "tests.support.snat_controller", str(self.root), self.name]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.router.name, *self.within, *words, self.router.name],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> Path:
        return self.root / f"{self.name}.log"

    def kill(self) -> None:
        """Kill the controller; nobody has a chance to tidy up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def restart(self) -> None:
        """Kill the controller and start it; it has looked at the others since, and decided once more."""
        self.kill()
        self.start()
        eventually(lambda: (self.status().get("cluster_view", {}).get("age") or 0) > TICK_EVERY, 30, 0.1)

    def clusterlb(self, *words: str) -> str:
        """Run a command of the operator's and return what it prints."""
        done = CliRunner().invoke(main, [*words, "--run-dir", str(self.run_dir)])
        assert done.exit_code == 0, done.output
        return done.output

    def down(self) -> None:
        """Take the director down; its controller ends."""
        self.clusterlb("down")
        assert self.process is not None
        assert self.process.wait(20) == 0
        self.process = None

    def status(self) -> dict[str, Any]:
        """Return the controller's status; empty while it does not answer."""
        try:
            return ask(self.run_dir, "GET", "/v1/status")[1]
        except UnreachableError:
            return {}

    def run(self, *words: str, text: str = "") -> str:
        """Run a program in the director's namespace."""
        return run_in(self.router.name, *words, text=text)

    def tables(self) -> dict[str, str]:
        """Return everything that SNAT pools are made of: nftables, policy rules, routes, addresses."""
        return {
            "nftables": self.run("nft", "list", "ruleset"),
            **{f"rules {f}": self.router.ip(f, "rule", "show") for f in ("-4", "-6")},
            **{f"routes {f}": self.routes(f) for f in ("-4", "-6")},
            "addresses": self.router.ip("-brief", "addr", "show"),
        }

    def routes(self, family: str) -> str:
        """Return all routes, in a stable order."""
        shown = self.router.ip(family, "-details", "route", "show", "table", "all").splitlines()
        return "\n".join(sorted(shown))

    def host(self) -> dict[str, str]:
        """Return what ``down`` has to restore."""
        # not sysctl(8): some versions fail over a setting that nobody may read
        settings = self.run("sh", "-c", "cd /proc/sys/net; grep -rs . ipv4 ipv6 netfilter || test $? -le 2")
        kept = (line for line in settings.splitlines() if not _is_counted(line))
        return {
            **self.tables(),
            "frr": self.router.vtysh("show running-config"),
            "sysctls": "\n".join(sorted(kept)),
        }


def _is_counted(line: str) -> bool:
    """Say whether a sysctl's value is no setting."""
    return any(name in line for name in ("nf_conntrack_count", "stable_secret", "neigh", "tcp_mem"))


def run_in(namespace: str, *words: str, text: str = "") -> str:
    """Run a program in a namespace and return what it prints."""
    argv = ["ip", "netns", "exec", namespace, *words]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class SnatCluster:
    """The network; a context manager that leaves nothing behind. Nothing of ours runs at first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tag = f"clbo{os.getpid() % 100000}"
        self.routers = {
            name: Router(f"{self.tag}{name}") for name in ("core", "outer", "servers", "outside", *DIRECTORS)
        }
        self.directors = {name: SnatDirector(self.routers[name], name, root) for name in DIRECTORS}
        self.before: dict[str, dict[str, str]] = {}

    def __enter__(self) -> SnatCluster:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for director in self.directors.values():
            director.kill()
        for router in self.routers.values():
            router.stop()

    def logs(self) -> str:
        """Return the end of every controller's log, for a failed test."""
        found = [one for one in self.directors.values() if one.log.exists()]
        return "\n".join(f"--- {one.name}\n{one.log.read_text()[-4000:]}" for one in found)

    def connections(self) -> str:
        """Return every director's connections to the host outside, for a failed test."""
        shown = {
            name: one.run("sh", "-c", "cat /proc/net/nf_conntrack || true")
            for name, one in self.directors.items()
        }
        wanted = f"dst={OUTSIDE} "
        return "\n".join(
            f"--- {name}\n" + "\n".join(line for line in text.splitlines() if wanted in line)
            for name, text in shown.items()
        )

    def inside(self, role: str, make: Callable[[], T]) -> T:
        """Call something in a namespace; the sockets that it makes stay there."""
        with ThreadPoolExecutor(1, initializer=enter, initargs=(self.routers[role].name,)) as worker:
            return worker.submit(make).result(60)

    def gateways(self) -> set[str]:
        """Return the directors that are the core's next hops of the default route."""
        return self._hops("core", "default")

    def owner(self, director: str) -> set[str]:
        """Return the directors to which outer sends packets for a director's address."""
        return self._hops("outer", SNAT[director])

    def _hops(self, role: str, destination: str) -> set[str]:
        shown = json.loads(self.routers[role].ip("-json", "-4", "route", "show", destination) or "[]")
        hops = [hop["gateway"] for route in shown for hop in route.get("nexthops", [route])]
        return {f"d{hop.rpartition('.')[2]}" for hop in hops}

    def settle(self, serving: Iterable[str] = DIRECTORS) -> None:
        """Start those that do not run, and wait until all of these serve and know it of each other."""
        wanted = set(serving)
        for director in self.directors.values():
            if director.name in wanted and director.process is None:
                director.start()
        try:
            eventually(lambda: self._serve(wanted), 90, 0.1)
        except AssertionError as error:
            raise AssertionError(self.logs()) from error

    def _serve(self, wanted: set[str]) -> bool:
        return (
            self.gateways() == wanted
            and all(self.owner(name) == {name} for name in wanted)
            and all(self.shares(name) == wanted for name in wanted)
        )

    def shares(self, director: str, which: str = "current") -> set[str]:
        """Return whom a director's map of buckets names, and itself where some are its own."""
        read = self.inside(director, KernelRules().read)
        found = read.sets.get(f"snat_{which}4_internet")
        if found is None:
            return set()
        names = {f"{mark:#010x}": name for name, mark in director_marks(DIRECTORS).items()}
        own = {director} if which == "current" and len(found.elements) < BUCKETS else set()
        return {names[value] for value in found.elements.values()} | own

    def _build(self) -> None:
        (self.root / "inventory.yaml").write_text(INVENTORY)
        for router in self.routers.values():
            sh("ip", "netns", "add", router.name)
            router.ip("link", "set", "lo", "up")
        for role, net in (("core", 2), ("outer", 1)):
            router = self.routers[role]
            router.ip("link", "add", "lan", "type", "bridge")
            run_in(router.name, "sh", "-c", SETTINGS)
            router.ip("addr", "add", f"10.{net}.0.254/24", "dev", "lan")
            router.ip("link", "set", "lan", "up")
            for number, name in enumerate(DIRECTORS, 1):
                end = "e1" if role == "core" else "e0"
                self._wire(name, end, role, f"to{name}")
                router.ip("link", "set", f"to{name}", "master", "lan")
                self.routers[name].ip("addr", "add", f"10.{net}.0.{number}/24", "dev", end)
        self._host("servers", "core", "10.2.1.254", map(str, SERVERS))
        self._host("outside", "outer", "10.3.0.254", [str(OUTSIDE)])
        for role, net in (("core", 2), ("outer", 1)):
            self.routers[role].start("zebra", "ospfd")
            text = ROUTER.format(net=net) + (SERVERS_NET if role == "core" else "")
            self.routers[role].load(text)
        with ThreadPoolExecutor(3) as workers:
            list(workers.map(self._operate, DIRECTORS))

    def _operate(self, name: str) -> None:
        """Do on a director what its operator has done before us."""
        director = self.directors[name]
        director.router.start("zebra", "ospfd", "staticd")
        director.router.load(OPERATOR)
        if director.router.parses(OWN_FORWARDING):
            director.router.load(OWN_FORWARDING)
        sh("vtysh", "-N", director.router.name, "-c", "write")
        director.run("nft", "-f", "-", text=FOREIGN_TABLE)
        director.router.ip("rule", "add", "pref", "100", "from", "192.0.2.1", "lookup", "99")
        director.router.ip("route", "add", "blackhole", "default", "table", "99")
        director.router.ip("route", "add", "203.0.113.0/24", "via", "10.1.0.254")
        eventually(lambda: director.router.ip("-4", "route", "show", "default"))
        eventually(lambda: not director.router.ip("-6", "addr", "show", "tentative"))
        self.before[name] = director.host()

    def _host(self, role: str, router: str, gateway: str, addresses: Iterable[str]) -> None:
        self._wire(role, "e0", router, "hosts")
        self.routers[router].ip("addr", "add", f"{gateway}/24", "dev", "hosts")
        for address in addresses:
            self.routers[role].ip("addr", "add", f"{address}/24", "dev", "e0")
        self.routers[role].ip("route", "add", "default", "via", gateway)

    def _wire(self, left: str, left_end: str, right: str, right_end: str) -> None:
        ours, theirs = self.routers[left], self.routers[right]
        peer = ("peer", "name", right_end, "netns", theirs.name)
        ours.ip("link", "add", left_end, "type", "veth", *peer)
        ours.ip("link", "set", left_end, "up")
        theirs.ip("link", "set", right_end, "up")


SETTINGS = """
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.fib_multipath_hash_policy=1
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
"""
