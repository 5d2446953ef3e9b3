"""Lanes in OSPF end to end: a director's address is a route in the switch's kernel."""

import asyncio
import json
import time
from ipaddress import ip_address

import pytest
from frr_inventories import CASES

from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.text import parse
from clusterlb.model.address import AddressFamily
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import AddLocalRoute, Announce, CreateLane, Withdraw
from clusterlb.render.frr import render_config

VIP = ip_address("10.100.0.1")
SWITCH = """\
interface s0
 ip ospf area 0.0.0.0
 ip ospf bfd
 ip ospf bfd profile clusterlb
 ip ospf dead-interval 3
 ip ospf hello-interval 1
 ip ospf network point-to-multipoint
 ip ospf retransmit-interval 1
exit
router ospf
 ospf router-id 10.1.0.254
 timers throttle spf 0 50 500
 timers throttle lsa all 0
 timers lsa min-arrival 0
exit
bfd
 profile clusterlb
  transmit-interval 50
  receive-interval 50
 exit
exit
"""


@pytest.fixture
def fabric(routers, wire, links_in):
    """A director with our configuration and its switch, adjacent; returns director, links, switch."""
    switch, director = routers("s"), routers("d1")
    wire(director, "e0", "10.1.0.1/24", switch, "s0", "10.1.0.254/24")
    links = links_in(director, "e0")
    assert links.apply([*(CreateLane(lane) for lane in Lane), AddLocalRoute(VIP)]) == []
    switch.start("zebra", "ospfd", "bfdd")
    switch.load(SWITCH)
    director.start("zebra", "ospfd", "bfdd")
    return director, links, switch


async def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := await condition():
            return value
        await asyncio.sleep(0.05)
    raise AssertionError(f"not true within {seconds} s")


async def test_announce_drain_and_withdraw(fabric):
    director, links, switch = fabric
    frr = FrrDaemon(pathspace=director.name)
    await frr.configure(parse(render_config(*CASES["plain"])), ())

    async def adjacent():
        return [neighbor for neighbor in await frr.neighbors(AddressFamily.IPV4) if neighbor.full]

    async def route():
        return json.loads(switch.ip("-j", "route", "show", f"{VIP}/32"))

    async def metric(wanted):
        return [entry for entry in await route() if entry["metric"] == 20 and await cost() == wanted]

    async def cost():
        shown = json.loads(switch.vtysh(f"show ip route {VIP}/32 json"))
        return next(
            (entry["metric"] for entries in shown.values() for entry in entries if entry.get("selected")),
            None,
        )

    [neighbor] = await until(adjacent)
    assert (neighbor.router_id, neighbor.interface) == ("10.1.0.254", "e0")
    assert await route() == []
    assert links.apply([Announce(VIP, Lane.ACTIVE)]) == []
    [entry] = await until(route)
    assert entry["gateway"] == "10.1.0.1"
    active = await cost()
    assert links.apply([Announce(VIP, Lane.DRAINED), Withdraw(VIP, Lane.ACTIVE)]) == []
    await until(lambda: metric(active + 9990))
    assert links.apply([Withdraw(VIP, Lane.DRAINED)]) == []

    async def gone():
        return await route() == []

    assert await until(gone)
    assert links.read().local_routes == {VIP}
