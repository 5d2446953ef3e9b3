import asyncio
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.merge import displaced, needed
from clusterlb.drivers.frr.neighbors import parse_neighbors
from clusterlb.drivers.frr.text import parse
from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import Ospf, Uplink
from clusterlb.render.frr import render_config
from tests.frr.conftest import eventually, frr_missing

HERE = Path(__file__).parent
UPLINK = Uplink("e0")
OURS = parse(
    render_config(
        Inventory(Cluster("c", (ip_network("10.100.0.0/24"),), ospf=Ospf(bfd=None)), {}, {}, {}),
        Director("d1", IPv4Address("10.1.0.1"), (UPLINK,)),
    )
)
SWITCH = """\
router ospf
 ospf router-id 10.1.0.254
exit
interface e0
 ip ospf area 0.0.0.0
 ip ospf network point-to-multipoint
 ip ospf hello-interval 1
 ip ospf dead-interval 3
exit
"""

pytestmark = [pytest.mark.frr, frr_missing]


def full(router):
    """Return the interfaces on which a router has a neighbour that is Full."""
    found = parse_neighbors(router.vtysh("show ip ospf neighbor json"))
    return [each.interface for each in found if each.full]


@pytest.mark.parametrize("name", ["operator", "passive-by-default"])
async def test_the_operators_neighbour_stays_and_the_switch_comes(name, routers, wire):
    director, core, switch = routers("d"), routers("c"), routers("s")
    wire(director, "e1", "192.0.2.1/24", core, "e1", "192.0.2.2/24")
    wire(director, "e0", "10.1.0.1/24", switch, "e0", "10.1.0.254/24")
    for router in (director, core, switch):
        router.start("zebra", "ospfd")
    foreign = (HERE / f"{name}.conf").read_text()
    director.load(foreign)
    core.load((HERE / "operator.conf").read_text().replace("router-id 192.0.2.1", "router-id 192.0.2.2"))
    switch.load(SWITCH)
    eventually(lambda: full(core))

    frr = FrrDaemon(pathspace=director.name)
    before = await frr.read()
    ours = needed(before, OURS)
    during = await frr.configure(ours, ())
    eventually(lambda: full(switch))
    await asyncio.sleep(1.2)  # longer than the operator's dead interval
    assert full(core) == ["e1"]

    assert set(await frr.configure(displaced(before, during), ours)) == set(before)
    await asyncio.sleep(1.2)
    assert full(core) == ["e1"]
