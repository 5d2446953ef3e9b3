"""SNAT addresses and the default route through real FRR: what the others read and what the core uses."""

import json
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from clusterlb.core.cluster_view import view
from clusterlb.core.place import Surroundings
from clusterlb.core.snat.place import Leaving, decide_addresses, look
from clusterlb.core.snat.state import is_gateway, without_gateway
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.database import OSPF6_COMMANDS, OSPF_COMMANDS, parse_databases
from clusterlb.drivers.frr.text import parse
from clusterlb.model.address import AddressFamily
from clusterlb.model.cluster_view import ClusterView
from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import AnnounceMode, AnnounceModes, Lane, Ospf, Uplink
from clusterlb.model.plan import AddLocalRoute, Announce, CreateLane, Withdraw
from clusterlb.model.snat import SnatPool
from clusterlb.render.frr import render_config
from tests.frr.conftest import eventually
from tests.frr.test_cluster_view import DAEMONS, SWITCH, SWITCH_PORT

NUMBERS = (1, 2, 3)
PREFIXES = (ip_network("10.100.0.0/16"), ip_network("fd00:100::/32"))
OWN = {n: (ip_address(f"10.100.2.{n}"), ip_address(f"fd00:100:2::{n}")) for n in NUMBERS}
MODES = {mode.value: AnnounceModes(mode, mode) for mode in AnnounceMode}
UPDATES = Leaving(0.0, "updates", flows=5)
DONE = replace(UPDATES, flows=0)


def inventory(announce):
    directors = {
        f"d{n}": Director(
            f"d{n}",
            IPv4Address(f"10.1.0.{n}"),
            (Uplink("e0"),),
            inside=(ip_address(f"10.1.{n}.1"), ip_address(f"fd00:{n}::1")),
        )
        for n in NUMBERS
    }
    pool = SnatPool("internet", (ip_network("10.2.0.0/16"),), {f"d{n}": OWN[n] for n in NUMBERS})
    ospf = Ospf(bfd=None, default_originate=True, announce=announce)
    return Inventory(Cluster("snat", PREFIXES, ospf=ospf), directors, {}, {}, snat_pools={"internet": pool})


# an operator's line, which FRR needs where it knows it (docs/snat.md)
SELF = "router ospf\n forwarding-address-self\nexit\n"


class Fabric:
    """Three directors and the router that is both their switch and the inside's core."""

    def __init__(self, announce, routers, wire, links_in):
        self.inventory = inventory(announce)
        self.core = routers("s")
        self.directors = {f"d{n}": routers(f"d{n}") for n in NUMBERS}
        self.links, self.lines, self.on = {}, {}, {}
        for n, (name, router) in zip(NUMBERS, self.directors.items(), strict=True):
            wire(router, "e0", f"10.1.{n}.1/24", self.core, f"s{n}", f"10.1.{n}.254/24")
            router.ip("addr", "add", f"fd00:{n}::1/64", "dev", "e0", "nodad")
            self.links[name] = links_in(router, "e0", external=self.inventory.cluster.ospf.external)
            assert self.links[name].apply([CreateLane(lane) for lane in Lane]) == []
            router.start(*DAEMONS, "staticd")
            text = render_config(self.inventory, self.inventory.directors[name])
            # FRR's, not the kernel's: `redistribute kernel` would lend its next hop to ours
            own = f"ip route 0.0.0.0/0 10.1.{n}.254\nipv6 route ::/0 fd00:{n}::254\n"
            router.load(own + (SELF if router.parses(SELF) else "") + text)
            self.lines[name] = [line for line in parse(text) if is_gateway(line)]
            assert len(self.lines[name]) == 2
            self.on[name] = {}
            self.decide(name)
        self.core.start(*DAEMONS)
        self.core.load(SWITCH + "".join(SWITCH_PORT.format(number=n) for n in NUMBERS))

    def decide(self, name, leaving=None):
        """Put a director's addresses where they belong."""
        director = self.inventory.directors[name]
        now = Surroundings(director.router_id, 1000.0, ClusterView({}, 1000.0, director.router_id))
        found = decide_addresses(self.inventory, director, now, leaving=leaving)
        before, self.on[name] = self.on[name], {address: one.lanes for address, one in found.items()}
        steps = [AddLocalRoute(address) for address in found]
        for address, lanes in self.on[name].items():
            was = before.get(address, frozenset())
            steps += [Announce(address, lane) for lane in lanes - was]
            steps += [Withdraw(address, lane) for lane in was - lanes]
        assert self.links[name].apply(steps) == []

    def seen(self, name, family):
        """Return who serves and who is alive as one director reads it."""
        router = self.directors[name]
        databases = parse_databases(router.vtysh(*OSPF_COMMANDS), router.vtysh(*OSPF6_COMMANDS))
        cluster, own = self.inventory.cluster, self.inventory.directors[name].router_id
        pool = self.inventory.snat_pools["internet"]
        found = look(pool, family, self.inventory, view(databases, cluster.ospf.costs, PREFIXES, own, 0.0))
        return found.serving, found.alive

    def ways(self, destination, family):
        """Return the directors through which the core's kernel sends to a destination."""
        shown = json.loads(self.core.ip("-j", f"-{family}", "route", "show", destination))
        hops = [hop["dev"] for route in shown for hop in route.get("nexthops", [route])]
        return {f"d{hop.removeprefix('s')}" for hop in hops}


@pytest.fixture(params=MODES)
def fabric(request, routers, wire, links_in):
    return Fabric(MODES[request.param], routers, wire, links_in)


async def test_from_serving_to_gone(fabric):
    everybody, others = {"d1", "d2", "d3"}, {"d1", "d3"}
    for family, ip in ((AddressFamily.IPV4, 4), (AddressFamily.IPV6, 6)):
        eventually(lambda f=family: fabric.seen("d1", f) == (everybody, everybody), 60)
        eventually(lambda i=ip: fabric.ways("default", i) == everybody, 60)
    four = OWN[2][0]
    assert fabric.ways(str(four), 4) == {"d2"}
    # a director's own default route stands; FRR would take its peers' where it has none
    for router in fabric.directors.values():
        for ip, gateway in ((4, "10.1"), (6, "fd00")):
            [route] = json.loads(router.ip("-j", f"-{ip}", "route", "show", "default"))
            assert route["protocol"] == "static"
            assert route["gateway"].startswith(gateway)

    daemon = FrrDaemon(pathspace=fabric.directors["d2"].name)
    left = await daemon.configure((), fabric.lines["d2"])
    assert without_gateway(left) == left
    fabric.decide("d2", UPDATES)
    for family, ip in ((AddressFamily.IPV4, 4), (AddressFamily.IPV6, 6)):
        eventually(lambda f=family: fabric.seen("d1", f) == (others, everybody))
        eventually(lambda i=ip: fabric.ways("default", i) == others)
    assert fabric.ways(str(four), 4) == {"d2"}

    fabric.decide("d2", DONE)
    eventually(lambda: fabric.ways(str(four), 4) == {"d3"})
    for family in AddressFamily:
        eventually(lambda f=family: fabric.seen("d1", f) == (others, others))

    fabric.decide("d2")
    await daemon.configure(fabric.lines["d2"], ())
    eventually(lambda: fabric.ways(str(four), 4) == {"d2"})
    for family, ip in ((AddressFamily.IPV4, 4), (AddressFamily.IPV6, 6)):
        eventually(lambda f=family: fabric.seen("d1", f) == (everybody, everybody))
        eventually(lambda i=ip: fabric.ways("default", i) == everybody)
