"""External announcements, several switches and NSSAs: what the switches' kernels say of a director's VIPs."""

import json
import signal
from functools import partial
from ipaddress import IPv4Address, ip_address

import pytest
from frr_inventories import EXTERNAL, IPV6_EXTERNAL
from ospf_fabric import DAEMONS, VIPS, Switch, announcing, join

from clusterlb.model.ospf import AnnounceModes, AreaType, Lane, NetworkType, Ospf, Uplink
from clusterlb.model.plan import Announce, Withdraw
from tests.frr.conftest import eventually

EVERY_VIP = pytest.mark.parametrize("vip", VIPS, ids=["ipv4", "ipv6"])


@pytest.fixture
def fabric(routers, wire, links_in):
    """Join a director to switches and let it announce both VIPs: ``fabric(config, external, *switches)``."""
    return partial(join, routers, wire, links_in)


@pytest.fixture
def switch(routers):
    return Switch(routers("s"), 0)


@EVERY_VIP
def test_external_announce_lane_changes_and_withdraw_reach_the_switch(fabric, switch, vip):
    _, links = fabric(announcing(EXTERNAL), Ospf(announce=EXTERNAL).external, switch)
    active = switch.metric(vip)
    assert active == 10 + 10  # the switch's cost and the lane's: type 1
    assert links.apply([Announce(vip, Lane.DRAINED), Withdraw(vip, Lane.ACTIVE)]) == []
    eventually(lambda: switch.metric(vip) == active + 9990)
    assert links.apply([Announce(vip, Lane.ACTIVE), Withdraw(vip, Lane.DRAINED)]) == []
    eventually(lambda: switch.metric(vip) == active)
    assert links.apply([Withdraw(vip, Lane.ACTIVE)]) == []
    eventually(lambda: not switch.route(vip))
    [other] = [each for each in VIPS if each != vip]
    assert switch.metric(other) == active


def test_nothing_but_vips_over_lanes_is_redistributed(fabric, switch):
    director, _ = fabric(announcing(EXTERNAL), Ospf(announce=EXTERNAL).external, switch)
    director.ip("route", "add", "10.100.0.7/32", "dev", "e0")
    director.ip("route", "add", "10.100.0.8/29", "dev", "clb-active")
    director.ip("route", "add", "192.0.2.7/32", "dev", "clb-active")
    director.ip("route", "add", "10.100.0.9/32", "dev", "clb-active", "proto", "201", "metric", "4211")
    eventually(lambda: switch.metric(ip_address("10.100.0.9")))  # so FRR has seen the earlier ones, too
    shown = switch.router.vtysh("show ip ospf database external json")
    assert {each["linkStateId"] for each in json.loads(shown)["asExternalLinkStates"]} == {
        "10.100.0.1",
        "10.100.0.9",
    }


def test_one_mode_for_each_family(fabric, switch):
    fabric(announcing(IPV6_EXTERNAL), Ospf(announce=IPV6_EXTERNAL).external, switch)
    assert "E1" not in switch.router.vtysh("show ip ospf route")
    assert "10.100.0.1" in switch.router.vtysh("show ip ospf database router")
    assert "fd00:100::1/128" in switch.router.vtysh("show ipv6 ospf6 route external-1")


@pytest.mark.parametrize("announce", [EXTERNAL, AnnounceModes()], ids=["external", "intra-area"])
def test_two_switches_have_the_route_and_no_way_through_the_director(fabric, routers, wire, announce):
    """A host with two uplinks is a path between two switches; theirs must stay the better one."""
    first, second = (Switch(routers(f"s{number}"), number) for number in range(2))
    wire(first.router, "s9", "10.1.9.1/24", second.router, "s9", "10.1.9.2/24")
    for number, switch in enumerate((first, second)):
        switch.router.ip("addr", "add", f"10.9.0.{number}/32", "dev", "lo")
        switch.router.ip("addr", "add", f"fd09::{number + 1}/128", "dev", "lo")
        switch.links = {"s9": 1000, "lo": 10}
    config = announcing(announce, Uplink("e0"), Uplink("e1", NetworkType.POINT_TO_MULTIPOINT))
    fabric(config, Ospf(announce=announce).external, first, second)
    for switch in (first, second):
        # for a moment the way round through the other switch may be the only one
        eventually(lambda switch=switch: {switch.metric(vip) for vip in VIPS} == {20})
        assert {route["dev"] for vip in VIPS for route in switch.route(vip)} == {"s0"}
    for far in (ip_address("10.9.0.1"), ip_address("fd09::2")):
        eventually(lambda far=far: [route.get("dev") for route in first.route(far)] == ["s9"])


def test_an_nssa_carries_vips_as_type_7(fabric, routers):
    switch = Switch(routers("s"), 0, area="0.0.0.51", area_type="nssa")
    config = announcing(EXTERNAL, area=IPv4Address("0.0.0.51"), area_type=AreaType.NSSA)
    _, links = fabric(config, Ospf(announce=EXTERNAL).external, switch)
    assert "10.100.0.1" in switch.router.vtysh("show ip ospf database nssa-external")
    assert "10.100.0.1" not in switch.router.vtysh("show ip ospf database external")
    for vip in VIPS:
        assert links.apply([Announce(vip, Lane.DRAINED), Withdraw(vip, Lane.ACTIVE)]) == []
        eventually(lambda vip=vip: (switch.metric(vip) or 0) > 9990)
        assert links.apply([Withdraw(vip, Lane.DRAINED)]) == []
        eventually(lambda vip=vip: not switch.route(vip))


def test_on_a_broadcast_segment_the_switch_is_the_designated_router(fabric, routers):
    switch = Switch(routers("s"), 0, network="broadcast")
    director, _ = fabric(
        announcing(EXTERNAL, network=NetworkType.BROADCAST), Ospf(announce=EXTERNAL).external, switch
    )
    [[seen]] = json.loads(director.vtysh("show ip ospf neighbor json"))["neighbors"].values()
    assert seen["nbrState"] == "Full/DR"
    assert "Full/DR" in director.vtysh("show ipv6 ospf6 neighbor")


def test_an_frr_that_was_killed_announces_from_the_kernel_again(fabric, switch):
    config = announcing(EXTERNAL)
    director, _ = fabric(config, Ospf(announce=EXTERNAL).external, switch)
    for daemon in DAEMONS:
        director.signal(daemon, signal.SIGKILL)
    for vip in VIPS:
        eventually(lambda vip=vip: not switch.route(vip))
    director.start(*DAEMONS)
    director.load(config)
    for vip in VIPS:
        eventually(lambda vip=vip: switch.metric(vip) == 20)
