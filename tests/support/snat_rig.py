"""Four directors with SNAT pools between an inner router with ECMP and an outer one, in namespaces.

The tables, maps and policy routes are what clusterlb makes; OSPF's part (who has which way) is static routes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TypeVar, cast

from clusterlb.core.marks import director_marks
from clusterlb.core.nft.part import join
from clusterlb.core.nft.snat import snat_part
from clusterlb.core.nft.table import parts
from clusterlb.core.snat.buckets import Buckets, current, learn
from clusterlb.drivers.interface import LinkState
from clusterlb.drivers.link import KernelLinks
from clusterlb.drivers.nft.script import load
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import Uplink
from clusterlb.model.plan import AddPeer, RemovePeer
from clusterlb.model.snat import Peer, SnatPool
from tests.frr.conftest import InNamespace, enter, sh

T = TypeVar("T")
DIRECTORS = ("d1", "d2", "d3", "d4")
SERVERS = [ip_address(f"10.2.1.{number}") for number in range(10, 26)]
OUTSIDE = {AddressFamily.IPV4: ip_address("10.3.0.1"), AddressFamily.IPV6: ip_address("fd00:3::1")}
SERVER6 = ip_address("fd00:2:1::10")


def inventory(addresses: int = 2) -> Inventory:
    """Return the cluster: ``addresses`` of IPv4 and one of IPv6 for each director."""
    directors = {
        name: Director(
            name,
            IPv4Address(f"10.1.0.{n}"),
            (Uplink("e0"),),
            inside=(ip_address(f"10.2.0.{n}"), ip_address(f"fd00:2::{n}")),
        )
        for n, name in enumerate(DIRECTORS, 1)
    }
    pool = SnatPool(
        "internet",
        (ip_network("10.2.1.0/24"), ip_network("fd00:2:1::/64")),
        {name: own_addresses(n, addresses) for n, name in enumerate(DIRECTORS, 1)},
    )
    prefixes = (ip_network("10.100.0.0/16"), ip_network("fd00:100::/32"))
    return Inventory(Cluster("rig", prefixes), directors, {}, {}, snat_pools={"internet": pool})


def own_addresses(director: int, count: int) -> tuple[IPAddress, ...]:
    """Return the addresses of one director, by its number from 1."""
    four = (ip_address(f"10.100.2.{10 * director + number}") for number in range(count))
    return (*four, ip_address(f"fd00:100:2::{director}"))


@dataclass
class Rig:
    """The network. ``tag`` tells its namespaces from others'; ``maps`` are the directors' own."""

    tag: str = field(default_factory=lambda: f"snat{os.getpid() % 100000}")
    inventory: Inventory = field(default_factory=inventory)
    maps: dict[str, dict[tuple[str, AddressFamily], Buckets]] = field(default_factory=dict)
    _made: list[str] = field(default_factory=list)
    _links: list[InNamespace] = field(default_factory=list)

    def name(self, role: str) -> str:
        return f"{self.tag}{role}"

    def ip(self, role: str, *words: str) -> str:
        return sh("ip", "-n", self.name(role), *words)

    def run(self, role: str, *words: str, text: str = "") -> str:
        argv = ["ip", "netns", "exec", self.name(role), *words]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def inside(self, role: str, make: Callable[[], T]) -> T:
        """Call something in a namespace; the sockets that it makes stay there."""
        with ThreadPoolExecutor(1, initializer=enter, initargs=(self.name(role),)) as worker:
            return worker.submit(make).result(120)

    def build(self) -> None:
        """Make the namespaces, links, addresses and routes; no director has a table yet."""
        for role in ("core", "outer", "servers", "outside", *DIRECTORS):
            sh("ip", "netns", "add", self.name(role))
            self._made.append(role)
            self.run(role, "sh", "-c", SETTINGS)
            self.ip(role, "link", "set", "lo", "up")
        for router, net in (("core", 2), ("outer", 1)):
            self.ip(router, "link", "add", "lan", "type", "bridge")
            self.ip(router, "link", "set", "lan", "up")
            self._address(router, "lan", f"10.{net}.0.254/24", f"fd00:{net}::254/64")
            for number, director in enumerate(DIRECTORS, 1):
                end = "e1" if router == "core" else "e0"
                self._wire(director, end, router, f"to{director}")
                self.ip(router, "link", "set", f"to{director}", "master", "lan")
                self._address(director, end, f"10.{net}.0.{number}/24", f"fd00:{net}::{number}/64")
        self._wire("servers", "e0", "core", "servers")
        self._wire("outside", "e0", "outer", "outside")
        self._address("core", "servers", "10.2.1.254/24", "fd00:2:1::254/64")
        self._address("outer", "outside", "10.3.0.254/24", "fd00:3::254/64")
        self._address("servers", "e0", *(f"{each}/24" for each in SERVERS), f"{SERVER6}/64")
        self._address(
            "outside", "e0", *(f"{each}/{24 if each.version == 4 else 64}" for each in OUTSIDE.values())
        )
        for host, gateway in (
            ("servers", ("10.2.1.254", "fd00:2:1::254")),
            ("outside", ("10.3.0.254", "fd00:3::254")),
        ):
            for via in gateway:
                self.ip(host, "route", "add", "default", "via", via)
        for director in DIRECTORS:
            for route, via in (("default", "10.1.0.254"), ("10.2.1.0/24", "10.2.0.254")):
                self.ip(director, "route", "add", route, "via", via)
            for route, via in (("default", "fd00:1::254"), ("fd00:2:1::/64", "fd00:2::254")):
                self.ip(director, "-6", "route", "add", route, "via", via)
        # a host that closes a socket early must not speak of it: no unreachable from the servers
        self.run("servers", "nft", "-f", "-", text=MUTE)

    def _wire(self, left: str, left_end: str, right: str, right_end: str) -> None:
        self.ip(
            left,
            "link",
            "add",
            left_end,
            "type",
            "veth",
            "peer",
            "name",
            right_end,
            "netns",
            self.name(right),
        )
        self.ip(left, "link", "set", left_end, "up")
        self.ip(right, "link", "set", right_end, "up")

    def _address(self, role: str, device: str, *addresses: str) -> None:
        for address in addresses:
            self.ip(role, "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))

    def serve(self, directors: Iterable[str]) -> None:
        """Have these directors serve, all with the same maps and ways to each other."""
        names = list(directors)
        for director in names:
            self.own(director, director)
            self.steer(director, {key: Buckets(current(names)) for key in self._keys()})
            links = InNamespace(self.name(director), lambda: KernelLinks(("e0",)))
            self._links.append(links)
            peers = (AddPeer(peer) for name in names if name != director for peer in self.peers(name))
            assert links.apply(list(peers)) == []

    def reset(self) -> None:
        """Have all four serve as if nothing had happened."""
        for director in DIRECTORS:
            self.run(director, "nft", "flush", "ruleset")
            self.ip(director, "addr", "flush", "dev", "lo", "scope", "global")
        for links in self._links:
            links.apply([RemovePeer(peer) for peer in cast(LinkState, links.read()).peers])
            links.shut_down()
        self._links.clear()
        self.serve(DIRECTORS)
        self.gateway(DIRECTORS)

    def _keys(self) -> list[tuple[str, AddressFamily]]:
        pools = self.inventory.snat_pools.values()
        return [(pool.name, family) for pool in pools for family in pool.families]

    def peers(self, director: str) -> list[Peer]:
        number = director_marks(self.inventory.directors)[director]
        return [Peer(number, address) for address in self.inventory.directors[director].inside]

    def own(self, director: str, owner: str) -> None:
        """Give a director the addresses of an owner, and the way to them."""
        number = DIRECTORS.index(director) + 1
        for address in self.inventory.snat_pools["internet"].addresses[owner]:
            length, via = (32, f"10.1.0.{number}") if address.version == 4 else (128, f"fd00:1::{number}")
            self.ip(director, "addr", "add", f"{address}/{length}", "dev", "lo")
            self.ip("outer", f"-{address.version}", "route", "replace", f"{address}/{length}", "via", via)

    def lose(self, director: str) -> None:
        """Take a director's own addresses away."""
        for address in self.inventory.snat_pools["internet"].addresses[director]:
            self.ip(director, "addr", "del", f"{address}/{address.max_prefixlen}", "dev", "lo")

    def steer(self, director: str, buckets: Mapping[tuple[str, AddressFamily], Buckets]) -> None:
        """Load a director's table with these maps."""
        self.maps[director] = dict(buckets)
        here = self.inventory.directors[director]
        table = join((*parts(self.inventory, here), snat_part(self.inventory, here, buckets)))
        self.run(director, "nft", "-f", "-", text=load(table))

    def change(self, directors: Iterable[str], serving: Iterable[str], alive: Iterable[str]) -> None:
        """Have directors learn who serves now."""
        there, asked = list(serving), list(alive)
        for director in directors:
            known = self.maps[director]
            self.steer(director, {key: learn(director, known[key], there, asked) for key in self._keys()})

    def join(self, director: str, others: Iterable[str]) -> None:
        """Have a director begin that has no memory of its own."""
        self.maps[director] = dict.fromkeys(self._keys(), Buckets())
        self.change([director], others, others)

    def forget(self, director: str) -> None:
        """Have everybody's ways to a director go."""
        for links in self._links:
            gone = [
                RemovePeer(peer)
                for peer in self.peers(director)
                if peer in cast(LinkState, links.read()).peers
            ]
            assert links.apply(gone) == []

    def count(self, roles: Iterable[str], match: str) -> Callable[[], int]:
        """Count the packets that come in and match from now on; call the result for their number."""
        roles = list(roles)
        for role in roles:
            self.run(role, "nft", "-f", "-", text=COUNT.format(match=match))

        def counted() -> int:
            listed = (self.run(role, "nft", "list", "counter", "inet", "count", "seen") for role in roles)
            return sum(int(text.split("packets ")[1].split()[0]) for text in listed)

        return counted

    def gateway(self, directors: Iterable[str]) -> None:
        """Make these directors the inner router's ECMP set."""
        numbers = [DIRECTORS.index(director) + 1 for director in directors]
        for family, net in (("-4", "10.2.0."), ("-6", "fd00:2::")):
            hops = [word for n in numbers for word in ("nexthop", "via", f"{net}{n}")]
            self.ip("core", family, "route", "replace", "default", *hops)

    def destroy(self) -> None:
        for links in self._links:
            links.shut_down()
        for role in self._made:
            subprocess.run(
                ["ip", "netns", "del", self.name(role)], check=False, capture_output=True, timeout=30
            )


COUNT = """table inet count
delete table inet count
table inet count {{
  counter seen {{ }}
  chain input {{ type filter hook prerouting priority -350; {match} counter name seen; }}
}}
"""
SETTINGS = """
for name in net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv4.fib_multipath_hash_policy \
    net.ipv6.fib_multipath_hash_policy; do sysctl -qw $name=1; done
sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1
"""
MUTE = """table inet mute {
  chain output { type filter hook output priority filter; icmp type destination-unreachable drop; }
}
"""
