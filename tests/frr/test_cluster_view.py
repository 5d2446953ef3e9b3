"""Three directors and their switch: what each database says about who announces what."""

import signal
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from clusterlb.core.cluster_view import view
from clusterlb.drivers.frr.database import OSPF6_COMMANDS, OSPF_COMMANDS, parse_databases
from clusterlb.model.cluster_view import FindingKind
from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import Lane, Ospf, Uplink
from clusterlb.model.plan import Announce, CreateLane
from clusterlb.render.frr import render_config
from tests.frr.conftest import eventually

VIP, VIP6, MIXED = ip_address("10.100.0.1"), ip_address("fd00:100::1"), ip_address("10.100.0.2")
PREFIXES = (ip_network("10.100.0.0/24"), ip_network("fd00:100::/64"))
LANES = {1: Lane.ACTIVE, 2: Lane.STANDBY, 3: Lane.DRAINED}
CLUSTER = Cluster("view", PREFIXES, ospf=Ospf(bfd=None))
DAEMONS = ("zebra", "ospfd", "ospf6d")
SWITCH_PORT = """\
interface s{number}
 ip ospf area 0.0.0.0
 ip ospf dead-interval 3
 ip ospf hello-interval 1
 ip ospf network point-to-multipoint
 ip ospf retransmit-interval 1
 ipv6 ospf6 dead-interval 3
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 retransmit-interval 1
 ipv6 ospf6 area 0.0.0.0
exit
"""
SWITCH = """\
router ospf
 ospf router-id 10.1.0.254
 timers throttle spf 0 50 500
 timers throttle lsa all 0
 timers lsa min-arrival 0
exit
router ospf6
 ospf6 router-id 10.1.0.254
 timers lsa min-arrival 0
exit
"""


def router_id(number):
    return IPv4Address(f"10.1.0.{number}")


@pytest.fixture
def fabric(routers, wire, links_in):
    """Return the switch and the directors by number, each VIP on the director's lane."""
    switch = routers("s")
    directors = {number: routers(f"d{number}") for number in LANES}
    for number, router in directors.items():
        wire(router, "e0", f"10.1.{number}.1/24", switch, f"s{number}", f"10.1.{number}.254/24")
        lanes = [CreateLane(lane) for lane in Lane]
        vips = [Announce(vip, LANES[number]) for vip in (VIP, VIP6)]
        assert links_in(router, "e0").apply([*lanes, *vips]) == []
        router.start(*DAEMONS)
        director = Director(router.name, router_id(number), (Uplink("e0"),))
        router.load(render_config(Inventory(CLUSTER, {}, {}, {}), director))
    switch.start(*DAEMONS)
    switch.load(SWITCH + "".join(SWITCH_PORT.format(number=number) for number in LANES))
    return switch, directors


def see(router, number):
    databases = parse_databases(router.vtysh(*OSPF_COMMANDS), router.vtysh(*OSPF6_COMMANDS))
    return view(databases, CLUSTER.ospf.costs, PREFIXES, router_id(number), 0.0)


def standing(seen, vip):
    """Return each announcer's lane and whether it is alive."""
    return {one.router_id: (one.lane, one.alive) for one in seen.announcements.get(vip, ())}


def kinds(seen):
    return {finding.kind for finding in seen.warnings}


def test_who_announces_what(fabric):
    switch, directors = fabric
    everybody = {router_id(number): (lane, True) for number, lane in LANES.items()}
    for vip in (VIP, VIP6):
        for number, router in directors.items():
            eventually(lambda n=number, r=router, v=vip: standing(see(r, n), v) == everybody, 60)
    assert kinds(see(directors[1], 1)) == set()

    # the third announces another way than the first, and its port costs more than the others'
    directors[1].ip("addr", "add", f"{MIXED}/32", "dev", "clb-active")
    directors[3].load("router ospf\n redistribute kernel metric 10\nexit\n")
    directors[3].ip("route", "add", f"{MIXED}/32", "dev", "clb-active")
    switch.load("interface s3\n ip ospf cost 20\nexit\n")
    wrong = {FindingKind.MIXED_TYPES, FindingKind.UNEQUAL_PORT_COSTS}
    eventually(lambda: kinds(see(directors[2], 2)) == wrong)
    mixed, ports = see(directors[2], 2).warnings
    assert mixed.facts == {"vip": str(MIXED), "intra_area": ["10.1.0.1"], "external": ["10.1.0.3"]}
    assert ports.facts["costs"] == {"10.1.0.1": 10, "10.1.0.2": 10, "10.1.0.3": 20}

    for daemon in DAEMONS:
        directors[3].signal(daemon, signal.SIGKILL)
    dead = everybody | {router_id(3): (Lane.DRAINED, False)}
    for vip in (VIP, VIP6):
        eventually(lambda v=vip: standing(see(directors[2], 2), v) == dead)
    seen = see(directors[2], 2)
    assert standing(seen, MIXED) == {router_id(1): (Lane.ACTIVE, True), router_id(3): (Lane.ACTIVE, False)}
    assert kinds(seen) == set()

    # alone, the last one judges nobody
    directors[2].ip("link", "set", "e0", "down")
    eventually(lambda: kinds(see(directors[2], 2)) == {FindingKind.ISOLATED})
    alive = {who for who, (_, living) in standing(see(directors[2], 2), VIP).items() if living}
    assert alive == {router_id(2)}
