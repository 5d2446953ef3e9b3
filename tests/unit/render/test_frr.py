from ipaddress import ip_network
from pathlib import Path

import pytest
from frr_inventories import CASES

from clusterlb.drivers.frr.text import parse
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.inventory import Cluster, Inventory
from clusterlb.model.ospf import AreaType, Lane, Ospf
from clusterlb.model.state import FrrLine
from clusterlb.render.frr import render_config, render_daemons
from clusterlb.render.templates import RenderError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "frr"
DAEMONS = ("plain", "dual-stack", "no-bfd-fast-hello", "vrrp")


@pytest.mark.parametrize("name", CASES)
def test_config_is_the_golden_file(name, golden):
    golden(GOLDEN / f"{name}.conf", render_config(*CASES[name]))


@pytest.mark.parametrize("name", DAEMONS)
def test_daemons_are_the_golden_file(name, golden):
    golden(GOLDEN / f"{name}.daemons", render_daemons(CASES[name][0]))


def test_every_golden_file_has_a_case():
    wanted = {f"{name}.conf" for name in CASES} | {f"{name}.daemons" for name in DAEMONS}
    assert {path.name for path in GOLDEN.iterdir()} == wanted


def lines_of(name):
    return parse(render_config(*CASES[name]))


@pytest.mark.parametrize("name", CASES)
def test_only_uplinks_speak_ospf_and_nothing_but_vips_over_lanes_is_redistributed(name):
    _, director = CASES[name]
    lines = lines_of(name)
    speaking = {line.context[0] for line in lines if line.text == "no ip ospf passive"}
    assert speaking == {f"interface {name}" for name in director.interfaces}
    assert not [line for line in lines if line.text.startswith("network ")]
    for line in lines:
        if "redistribute" in line.text:
            route_map = line.text.removeprefix("redistribute kernel route-map ")
            headers = [each.text for each in lines if each.text.startswith(f"route-map {route_map} ")]
            assert headers[-1] == f"route-map {route_map} deny 65535"
            for header in headers[:-1]:
                inside = [each.text for each in lines if each.context == (header,)]
                assert inside[0].startswith("match interface clb-")
                assert inside[1].endswith(" address prefix-list clb-vips")


@pytest.mark.parametrize("name", CASES)
def test_ospf_starts_on_an_interface_with_everything_that_its_hellos_say(name):
    lines = lines_of(name)
    ospf = [line for line in lines if " ospf" in line.text]
    for header in {line.context for line in ospf if line.context and "interface " in line.context[0]}:
        inside = [line.text for line in ospf if line.context == header]
        areas = [text for text in inside if " area " in text]
        assert areas
        assert inside[-len(areas) :] == areas


@pytest.mark.parametrize("name", CASES)
def test_a_family_is_announced_in_one_way(name):
    """One director that announces intra-area takes all traffic from the external ones."""
    inventory, _ = CASES[name]
    lines = lines_of(name)
    for family, passive, area, router in (
        (AddressFamily.IPV4, None, "ip ospf area", "router ospf"),
        (AddressFamily.IPV6, "ipv6 ospf6 passive", "ipv6 ospf6 area", "router ospf6"),
    ):
        if not any(family_of(prefix.network_address) is family for prefix in inventory.cluster.vip_prefixes):
            continue
        in_area = {
            line.context[0] for line in lines if line.text.startswith(area) and "clb-" in line.context[0]
        }
        external = [line for line in lines if line.context == (router,) and "redistribute" in line.text]
        lanes = {f"interface clb-{lane.value}" for lane in Lane}
        assert (in_area, len(external)) == (
            (set(), 1) if family in inventory.cluster.ospf.external else (lanes, 0)
        )
        assert passive is None or len([line for line in lines if line.text == passive]) == len(in_area)


def test_lanes_have_the_costs_of_their_mode():
    costs = [10, 1000, 10000]
    area = {line.context[0]: line.text for line in lines_of("plain") if line.text.startswith("ip ospf cost")}
    assert area == {
        f"interface clb-{lane.value}": f"ip ospf cost {cost}" for lane, cost in zip(Lane, costs, strict=True)
    }
    metrics = [line.text for line in lines_of("external") if line.text.startswith("set metric ")]
    assert metrics == [f"set metric {cost}" for cost in costs]


def test_external_vips_are_type_1_so_that_the_way_to_the_director_counts():
    """Behind two switches type 2 ties; type 1 adds the distance to the director."""
    assert len([line for line in lines_of("external") if line.text == "set metric-type type-1"]) == 3


def test_a_route_map_edit_waits_for_no_timer():
    """With FRR's default an edited route-map or prefix list takes 5 s to take effect."""
    assert FrrLine(("router ospf",), "timers throttle lsa all 0") in lines_of("external")


@pytest.mark.parametrize("name", ["broadcast", "dual-stack"])
def test_a_director_never_becomes_the_designated_router(name):
    """A segment with DR election; if a director won it, its death would take all routes along."""
    _, director = CASES[name]
    lines = lines_of(name)
    for uplink in director.interfaces:
        assert FrrLine((f"interface {uplink}",), "ipv6 ospf6 priority 0") in lines
        if name == "broadcast":
            assert FrrLine((f"interface {uplink}",), "ip ospf priority 0") in lines


def test_a_point_to_point_link_elects_nobody():
    assert not [line for line in lines_of("external") if "priority" in line.text]


def test_a_director_is_no_short_cut_between_its_switches():
    texts = [line.text for line in lines_of("dual-stack")]
    assert texts.count("ip ospf cost 65535") == 2 + 1  # two uplinks, and the drained lane of this inventory
    assert not [line for line in lines_of("plain") if line.text == "ip ospf cost 65535"]


def test_graceful_restart_has_the_opaque_lsas_it_needs():
    """Without `capability opaque` FRR up to 10.7 refuses to prepare a restart."""
    assert FrrLine(("router ospf",), "capability opaque") in lines_of("graceful-restart")


def test_the_backbone_is_never_special():
    inventory, director = CASES["plain"]
    ospf = Ospf(area_type=AreaType.NSSA)
    cluster = Cluster("c", inventory.cluster.vip_prefixes, ospf=ospf)
    assert "nssa" not in render_config(Inventory(cluster, {}, {}, {}), director)


@pytest.mark.parametrize(
    ("ospf", "prefix", "words"),
    [
        (Ospf(hello=0.3, dead=1), "10.0.0.0/8", "divides it"),
        (Ospf(hello=0.5, dead=3), "10.0.0.0/8", "dead 1s"),
        (Ospf(hello=0.5, dead=1), "fd00::/64", "OSPFv3"),
        (Ospf(dead=2.5), "10.0.0.0/8", r"ospf\.dead 2\.5 s"),
        (Ospf(retransmit=0.5), "10.0.0.0/8", r"ospf\.retransmit"),
    ],
)
def test_timers_that_ospf_cannot_express(ospf, prefix, words):
    _, director = CASES["plain"]
    cluster = Cluster("c", (ip_network(prefix),), ospf=ospf)
    with pytest.raises(RenderError, match=words):
        render_config(Inventory(cluster, {}, {}, {}), director)
