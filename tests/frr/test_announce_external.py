"""External announcements, several switches and NSSAs: what the switches' kernels say of a director's VIPs."""

import json
import signal
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import pytest
from frr_inventories import EXTERNAL, IPV6_EXTERNAL
from route_rig import RTM_DELROUTE, RouteWatch

from clusterlb.drivers.frr.render import render_config
from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import AnnounceModes, AreaType, Lane, NetworkType, Ospf, Uplink
from clusterlb.model.plan import AddLocalRoute, Announce, CreateLane, Withdraw
from tests.frr.conftest import Router, eventually

VIPS = [ip_address("10.100.0.1"), ip_address("fd00:100::1")]
EVERY_VIP = pytest.mark.parametrize("vip", VIPS, ids=["ipv4", "ipv6"])
DAEMONS = ("zebra", "ospfd", "ospf6d", "bfdd")
SWITCH_TIMERS = """\
 timers throttle spf 0 50 500
 timers lsa min-arrival 0
"""


@dataclass
class Switch:
    """A switch with FRR; ``links`` are its interfaces in OSPF and their costs."""

    router: Router
    number: int
    area: str = "0.0.0.0"
    area_type: str = "normal"
    network: str = "point-to-multipoint"
    links: dict[str, int] = field(default_factory=dict)
    helper: bool = False
    bfd: bool = True

    def start(self) -> None:
        self.router.start(*DAEMONS)
        self.router.load(self.config())

    def config(self) -> str:
        special = "" if self.area_type == "normal" else f" area {self.area} {self.area_type}\n"
        routers = "".join(
            f"router {name}\n {name} router-id 10.1.{self.number}.254\n{SWITCH_TIMERS}{special}exit\n"
            for name in ("ospf", "ospf6")
        )
        if self.helper:
            routers += "router ospf\n capability opaque\n graceful-restart helper enable\nexit\n"
        return (
            routers
            + "bfd\n profile clusterlb\n  transmit-interval 50\n  receive-interval 50\n exit\nexit\n"
            + "".join(
                f"interface {name}\n{self.interface(name, cost)}exit\n" for name, cost in self.links.items()
            )
        )

    def interface(self, name: str, cost: int) -> str:
        passive = name == "lo"
        both = [("ip ospf", True), ("ipv6 ospf6", False)]
        lines = []
        for word, ipv4 in both:
            lines += [f"{word} area {self.area}", f"{word} cost {cost}"]
            if passive:
                lines.append(f"{word} passive")
                continue
            lines += [f"{word} hello-interval 1", f"{word} dead-interval 3", f"{word} retransmit-interval 1"]
            if self.bfd:
                lines += [f"{word} bfd", f"{word} bfd profile clusterlb"]
            if ipv4 or self.network == "point-to-point":
                lines.append(f"{word} network {self.network}")
        return "".join(f" {line}\n" for line in lines)

    def route(self, address) -> list[dict[str, object]]:
        """Return the kernel's routes for a host."""
        return json.loads(self.router.ip("-j", f"-{address.version}", "route", "show", str(address)) or "[]")

    def metric(self, address) -> int | None:
        """Return OSPF's cost of a host's route; None when the kernel has none."""
        if not self.route(address):
            return None
        family = "ip" if address.version == 4 else "ipv6"
        shown = json.loads(self.router.vtysh(f"show {family} route {address}/{address.max_prefixlen} json"))
        entries = [entry for entries in shown.values() for entry in entries if entry.get("selected")]
        return entries[0]["metric"] if entries else None


def announcing(announce: AnnounceModes, *uplinks: Uplink, **ospf) -> str:
    inventory = Inventory(
        Cluster(
            "edge-1",
            (ip_network("10.100.0.0/24"), ip_network("fd00:100::/64")),
            ospf=Ospf(announce=announce, **ospf),
        ),
        {},
        {},
        {},
    )
    return render_config(inventory, Director("d1", IPv4Address("10.1.0.1"), uplinks or (Uplink("e0"),)))


@pytest.fixture
def fabric(routers, wire, links_in):
    """Join a director to switches and let it announce both VIPs: ``fabric(config, external, *switches)``."""

    def make(config, external, *switches):
        director = routers("d1")
        for number, switch in enumerate(switches):
            wire(director, f"e{number}", f"10.1.{number}.1/24", switch.router, "s0", f"10.1.{number}.254/24")
            switch.links.setdefault("s0", 10)
            switch.start()
        links = links_in(director, *(f"e{number}" for number in range(len(switches))), external=external)
        assert links.apply([*(CreateLane(lane) for lane in Lane), *map(AddLocalRoute, VIPS)]) == []
        director.start(*DAEMONS)
        director.load(config)
        assert links.apply([Announce(vip, Lane.ACTIVE) for vip in VIPS]) == []
        for switch in switches:
            for vip in VIPS:
                eventually(lambda switch=switch, vip=vip: switch.metric(vip))
        return director, links

    return make


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


@pytest.mark.parametrize("bfd", [None, Ospf().bfd], ids=["hellos", "bfd"])
def test_a_planned_restart_of_ospfd_moves_no_route(fabric, routers, bfd):
    """The switch helps: it keeps the routes of an ospfd that said it would be away, BFD or not.

    Of three restarts one must do: on a starved host FRR 8.4 sometimes ends the restart before zebra has told
    ospfd its kernel routes again, and withdraws them for a moment.
    """
    switch = Switch(routers("s"), 0, helper=True, bfd=bfd is not None)
    config = announcing(EXTERNAL, graceful_restart=60, bfd=bfd)
    director, _ = fabric(config, Ospf(announce=EXTERNAL).external, switch)
    if bfd:
        eventually(lambda: '"status":"up"' in director.vtysh("show bfd peers json"))
    assert any(not _moves_in_restart(director, switch, config) for _ in range(3))


def _moves_in_restart(director, switch, config):
    """Restart ospfd as planned; say whether the switch lost a route meanwhile."""
    eventually(lambda: switch.metric(VIPS[0]) == 20)
    watch = RouteWatch(switch.router.name)
    try:
        director.vtysh("graceful-restart prepare ip ospf")
        director.signal("ospfd", signal.SIGTERM)
        eventually(lambda: not Path(f"/proc/{director.daemons['ospfd']}").exists())
        moved = _goes(watch, 4.0)  # longer than the dead interval
        director.start("ospfd")
        director.load(config)
        eventually(lambda: "Full" in director.vtysh("show ip ospf neighbor"))
        moved = _goes(watch, 4.0) or moved
        assert moved or switch.metric(VIPS[0]) == 20
        return moved
    finally:
        watch.close()


def _goes(watch, seconds):
    try:
        watch.wait(VIPS[0], RTM_DELROUTE, seconds)
    except TimeoutError:
        return False
    return True
