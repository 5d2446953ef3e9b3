from ipaddress import ip_network
from pathlib import Path

import pytest
from frr_inventories import CASES

from clusterlb.drivers.frr.render import render_config, render_daemons
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import Cluster, Inventory, Ospf

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "frr"


@pytest.mark.parametrize("name", CASES)
def test_config_is_the_golden_file(name):
    assert render_config(*CASES[name]) == (GOLDEN / f"{name}.conf").read_text()


@pytest.mark.parametrize("name", ["plain", "dual-stack", "no-bfd-fast-hello"])
def test_daemons_are_the_golden_file(name):
    assert render_daemons(CASES[name][0]) == (GOLDEN / f"{name}.daemons").read_text()


@pytest.mark.parametrize("name", CASES)
def test_only_lanes_and_uplinks_are_in_ospf_and_lanes_have_costs(name):
    inventory, director = CASES[name]
    lines = parse(render_config(inventory, director))
    costs = {line.context[0]: line.text for line in lines if line.text.startswith("ip ospf cost")}
    assert set(costs) == {"interface clb-active", "interface clb-standby", "interface clb-drained"}
    speaking = {line.context[0] for line in lines if line.text == "no ip ospf passive"}
    assert speaking == {f"interface {name}" for name in director.uplinks}
    assert not [line for line in lines if "redistribute" in line.text or line.text.startswith("network ")]


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
    with pytest.raises(DriverError, match=words):
        render_config(Inventory(cluster, {}, {}, {}), director)
