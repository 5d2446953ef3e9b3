"""The FRR and SONiC switch configurations in the real FRR: parsed, printed back, and doing their work."""

import json
import shutil
import subprocess
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from switch_audit import audit_switch
from switch_inventories import INVENTORIES, PORTS, ROUTER_ID, facts

from clusterlb.drivers.frr.text import parse
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import Announce, CreateLane
from clusterlb.render.frr import render_config
from clusterlb.render.switch import System, facts_of, render_switch
from tests.frr.conftest import eventually, sh

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "switch"
FILES = sorted([*GOLDEN.glob("*.frr.conf"), *GOLDEN.glob("*.sonic.conf")])
VIP, STRANGER = ip_address("10.100.0.1"), ip_address("203.0.113.5")


@pytest.mark.skipif(shutil.which("vtysh") is None, reason="FRR is not installed")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_vtysh_parses_it(path):
    argv = ["vtysh", "-C", "-f", str(path)]
    checked = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.smoke
@pytest.mark.parametrize("name", INVENTORIES)
def test_frr_prints_it_as_we_write_it(name, routers):
    switch = routers("s")
    for port in PORTS[System.FRR]:
        switch.ip("link", "add", port, "type", "bridge")
    switch.start("zebra", "ospfd", "bfdd", "ospf6d")
    bare = parse(switch.vtysh("show running-config"))
    text = (GOLDEN / f"{name}.frr.conf").read_text()
    switch.load(text)
    running = switch.vtysh("show running-config")
    # FRR's own type for an Ethernet link: 8.4 does not print it, 10.3 does; written, it takes another back
    silent = {line for line in parse(text) if line.text == "ip ospf network broadcast"}
    assert {line for line in parse(running) if line not in bare} | silent == set(parse(text))
    assert audit_switch(running, "running", facts(name, System.FRR)) == []


def test_frr_prints_a_vrf_as_we_write_it(routers):
    """FRR keeps a VRF that the kernel does not have, and leaves it out behind the interface's name."""
    switch = routers("s")
    switch.start("zebra", "ospfd", "bfdd", "ospf6d")
    wanted = facts("dual-stack", System.FRR)
    bare = parse(switch.vtysh("show running-config"))
    text = render_switch(replace(wanted, vrf="EDGE"), System.FRR)
    switch.load(text)
    running = switch.vtysh("show running-config")
    written = parse(text.replace(" vrf EDGE\n ip ospf", "\n ip ospf"))
    assert {line for line in parse(running) if line not in bare} == set(written)
    assert audit_switch(running, "running", wanted) == []
    narrow = running.replace(" maximum-paths 8\n", " maximum-paths 2\n")
    assert {(f.rule, f.fix) for f in audit_switch(narrow, "running", wanted)} == {
        ("ecmp-width", ("router ospf vrf EDGE", " maximum-paths 8")),
        ("ecmp-width", ("router ospf6 vrf EDGE", " maximum-paths 8")),
    }


@pytest.fixture
def fabric(routers, wire, links_in):
    """A director's FRR and links, and the switch that was told nothing but what we generate."""

    def make(system_text, name="plain"):
        switch, director = routers("s"), routers("d1")
        wire(director, "e0", "10.1.0.1/24", switch, "br0", "10.1.0.254/24")
        links = links_in(director, "e0")
        assert links.apply([CreateLane(lane) for lane in Lane]) == []
        switch.start("zebra", "ospfd", "bfdd", "ospf6d")
        switch.load(system_text)
        director.start("zebra", "ospfd", "bfdd", "ospf6d")
        inventory = INVENTORIES[name]
        director.load(render_config(inventory, inventory.directors["d1"]))
        return switch, director, links

    return make


def switch_text(name="plain"):
    return render_switch(facts_of(INVENTORIES[name], ("br0",), ROUTER_ID), System.FRR)


def gateways(switch, address):
    return [route.get("gateway") for route in json.loads(switch.ip("-j", "route", "show", f"{address}/32"))]


def bfd_up(switch):
    return [peer for peer in json.loads(switch.vtysh("show bfd peers json")) if peer["status"] == "up"]


def test_a_director_brings_its_vips_and_nothing_else(fabric):
    switch, director, links = fabric(switch_text())
    sh("ip", "-n", director.name, "addr", "add", f"{STRANGER}/32", "dev", "clb-active")
    assert links.apply([Announce(VIP, Lane.ACTIVE)]) == []
    eventually(lambda: gateways(switch, VIP) == ["10.1.0.1"], 60)
    known = json.loads(switch.vtysh("show ip ospf route json"))
    assert f"{STRANGER}/32" in known, "OSPF knows the route, so it is the filter that keeps it out"
    assert gateways(switch, STRANGER) == []
    eventually(lambda: bfd_up(switch), 60)


@pytest.mark.parametrize("name", ["broadcast", "nssa"])
def test_what_is_generated_goes_with_its_directors(fabric, name):
    """The area's type, and the network type: of the inventory, on both ends."""
    switch, _, links = fabric(switch_text(name), name)
    assert links.apply([Announce(VIP, Lane.ACTIVE)]) == []
    eventually(lambda: gateways(switch, VIP) == ["10.1.0.1"], 60)


def test_a_point_to_point_port_goes_with_a_director(fabric):
    """NX-OS, EOS and Junos ports are point-to-point; directors are point-to-multipoint (docs/switch.md)."""
    text = switch_text().replace("ip ospf network point-to-multipoint", "ip ospf network point-to-point")
    switch, _, links = fabric(text)
    assert links.apply([Announce(VIP, Lane.ACTIVE)]) == []
    eventually(lambda: gateways(switch, VIP) == ["10.1.0.1"], 60)
    assert ip_network(f"{VIP}/32").subnet_of(INVENTORIES["plain"].cluster.vip_prefixes[0])
