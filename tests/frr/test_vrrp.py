"""Two real vrrpd: one master, the other takes over, and a second link that does not hold it back."""

import json
import signal
import subprocess
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from vrrp_inventories import INVENTORIES

from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.render import render_config
from clusterlb.drivers.frr.text import parse
from clusterlb.generate.vrrp import render_frr, render_links
from clusterlb.model.inventory import Vip, Vrrp
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import CreateLane
from tests.frr.conftest import eventually, sh

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vrrp"
VIP, VIRTUAL_MAC = ip_address("10.100.0.1"), "00:00:5e:00:01:0a"
VIP6, VIRTUAL_MAC6 = ip_address("fd00:100::1"), "00:00:5e:00:02:0b"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.conf")), ids=lambda path: path.name)
def test_vtysh_parses_it(path):
    argv = ["vtysh", "-C", "-f", str(path)]
    checked = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def inventory_of(*interfaces):
    given, order = INVENTORIES["plain"], ("d1", "d2")
    vips = (
        Vip(VIP, (), ha=Vrrp(order, 10, interfaces, 0.1)),
        Vip(VIP6, (), ha=Vrrp(order, 11, interfaces[:1], 0.1)),
    )
    return replace(given, vips={vip.address: vip for vip in vips})


@pytest.fixture
def macvlan(routers):
    """Skip where the kernel makes no macvlan device."""
    argv = ["ip", "-n", routers("m").name, "link", "add", "name", "mac0", "link", "lo", "type", "macvlan"]
    refused = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    if "Unknown device type" in refused.stderr:
        pytest.skip("this kernel makes no macvlan device, which vrrpd needs")


@pytest.fixture
def segment(macvlan, routers, wire, tmp_path):
    """Two directors on one bridge a link, told nothing but what we generate; the switch is on the first."""

    def make(*interfaces):
        switch, directors = routers("s"), (routers("d1"), routers("d2"))
        for link in range(len(interfaces)):
            switch.ip("link", "add", f"br{link}", "up", "type", "bridge", "mcast_snooping", "0")
        switch.ip("addr", "add", "10.1.0.254/24", "dev", "br0")
        switch.ip("route", "add", "10.100.0.0/24", "dev", "br0")
        switch.ip("addr", "add", "fd00:1::254/64", "dev", "br0", "nodad")
        switch.ip("route", "add", "fd00:100::/64", "dev", "br0")
        inventory = inventory_of(*interfaces)
        for number, director in enumerate(directors, 1):
            for link, interface in enumerate(interfaces):
                port = f"d{number}l{link}"
                wire(
                    director, interface, f"10.1.{link}.{number}/24", switch, port, f"10.9.{link}.{number}/32"
                )
                switch.ip("link", "set", port, "master", f"br{link}")
            director.ip("addr", "add", f"fd00:1::{number}/64", "dev", interfaces[0], "nodad")
            # as the controller does on every director, master or not
            for vip in (VIP, VIP6):
                director.ip("route", "add", "local", str(vip), "dev", "lo", "proto", "200")
            this = inventory.directors[f"d{number}"]
            script = tmp_path / f"d{number}.sh"
            script.write_text(render_links(inventory, this))
            for _ in range(2):  # it may run again
                sh("ip", "netns", "exec", director.name, "sh", str(script))
            director.start("zebra", "vrrpd")
            director.load(render_frr(inventory, this))
        return switch, *directors

    return make


def group(director, interface="e0", family="v4"):
    groups = json.loads(director.vtysh("show vrrp json"))
    return next(one[family] for one in groups if one["interface"] == interface and one[family]["addresses"])


def is_master(director, interface="e0", family="v4"):
    return group(director, interface, family)["status"] == "Master"


def is_backup(director, interface="e0", family="v4"):
    return group(director, interface, family)["status"] == "Backup"


def settled(first, second):
    return all(is_master(first, family=each) and is_backup(second, family=each) for each in ("v4", "v6"))


def answered_by(switch, vip=VIP):
    """Return the MAC that answers for a VIP, once it does."""
    switch.ip("neigh", "flush", "dev", "br0")

    def answer():
        argv = ["ip", "netns", "exec", switch.name, "ping", "-c", "1", "-W", "1", str(vip)]
        if subprocess.run(argv, check=False, capture_output=True, timeout=30).returncode:
            return None
        return json.loads(switch.ip("-j", "neigh", "show", str(vip)))[0].get("lladdr")

    return eventually(answer)


def frames_from_vip(switch, port):
    """Say whether the bridge has learnt the group's MAC on a port."""
    entries = json.loads(sh("bridge", "-n", switch.name, "-j", "fdb", "show", "br", "br0"))
    return any(entry["mac"] == VIRTUAL_MAC and entry["ifname"] == port for entry in entries)


def test_the_first_serves_and_the_other_takes_over_when_it_dies(segment):
    switch, first, second = segment("e0")
    eventually(lambda: settled(first, second))
    assert (answered_by(switch), answered_by(switch, VIP6)) == (VIRTUAL_MAC, VIRTUAL_MAC6)
    assert frames_from_vip(switch, "d1l0")
    assert not frames_from_vip(switch, "d2l0")
    assert group(first)["stats"]["garpTx"] >= 1

    first.ip("link", "set", "e0", "down")
    first.signal("vrrpd", signal.SIGKILL)
    eventually(lambda: is_master(second) and is_master(second, family="v6"))
    assert group(second)["stats"]["garpTx"] >= 1
    assert (answered_by(switch), answered_by(switch, VIP6)) == (VIRTUAL_MAC, VIRTUAL_MAC6)
    assert frames_from_vip(switch, "d2l0")


def test_shutdown_hands_over_and_preemption_takes_back(segment):
    _, first, second = segment("e0")
    eventually(lambda: settled(first, second))
    first.vtysh("configure terminal", "interface e0", "vrrp 10 shutdown")
    eventually(lambda: is_master(second))
    first.vtysh("configure terminal", "interface e0", "no vrrp 10 shutdown")
    eventually(lambda: settled(first, second))


def test_a_second_link_does_not_keep_both_from_serving(segment):
    switch, first, second = segment("e0", "e1")
    eventually(lambda: is_master(first) and is_master(first, "e1") and is_backup(second))
    assert VIRTUAL_MAC in first.ip("-br", "link", "show", "vrrp4-2-10")
    assert str(VIP) not in first.ip("addr", "show", "dev", "vrrp4-2-10")

    switch.ip("link", "set", "d1l0", "nomaster")
    eventually(lambda: is_master(second))
    assert is_master(first), "it hears nobody either"
    assert (is_master(first, "e1"), is_backup(second, "e1")) == (True, True), "the other director lives"


async def test_what_clusterlb_tells_frr_leaves_vrrp_alone(segment, links_in):
    _, first, second = segment("e0")
    eventually(lambda: settled(first, second))
    assert links_in(first, "e0").apply([CreateLane(lane) for lane in Lane]) == []
    first.start("ospfd", "ospf6d", "bfdd")
    frr = FrrDaemon(pathspace=first.name)
    before = set(await frr.read())
    inventory = inventory_of("e0")
    ours = parse(render_config(inventory, inventory.directors["d1"]))
    running = set(await frr.configure(ours, ()))
    assert {line for line in before if "vrrp" in line.text} <= running
    assert {line for line in ours if line.context == ("interface e0",)} <= running
    assert is_master(first)
