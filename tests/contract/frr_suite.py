"""What every FrrDriver does; a subclass provides the fixture ``frr``, running with the lines of FOREIGN."""

from ipaddress import IPv4Address, ip_network

import pytest

from clusterlb.drivers.frr.merge import displaced, merge, needed
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.interface import DriverError
from clusterlb.model.address import AddressFamily
from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import Ospf, Uplink
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpState
from clusterlb.render.frr import render_config

# Somebody else's FRR: other protocols and policies, and lines where ours will stand.
FOREIGN = """\
interface e0
 description uplink to rack 7
 ip ospf cost 5
 ip ospf hello-interval 7
exit
interface e1
 ip ospf area 0
 ip ospf authentication null
exit
router ospf
 ospf router-id 9.9.9.9
 log-adjacency-changes detail
exit
ip prefix-list LAN seq 5 permit 10.0.0.0/8 le 24
route-map LAN permit 10
 match ip address prefix-list LAN
exit
"""

WANTED = parse(
    render_config(
        Inventory(Cluster("c", (ip_network("10.100.0.0/24"),), ospf=Ospf(md5_key="s3cret")), {}, {}, {}),
        Director("d1", IPv4Address("10.1.0.1"), (Uplink("e0"),)),
    )
)
# not a default, and neither clusterlb's nor FOREIGN's
COST = FrrLine(("interface e0",), "ip ospf cost 77")


ROUTER = (
    FrrLine(("interface e0",), "vrrp 10"),
    FrrLine(("interface e0",), "vrrp 10 priority 200"),
    FrrLine(("interface e0",), "vrrp 10 shutdown"),
    FrrLine(("interface e0",), "vrrp 10 ip 10.100.0.1"),
)


class FrrSuite:
    async def test_virtual_routers_come_change_and_go(self, frr):
        before = set(await frr.read())
        await frr.configure(ROUTER, ())
        (router,) = await frr.virtual_routers()
        assert (router.interface, router.vrid, router.version, router.state) == (
            "e0",
            10,
            4,
            VrrpState.INITIALIZE,
        )
        lower = FrrLine(("interface e0",), "vrrp 10 priority 1")
        changed = await frr.configure((lower,), (ROUTER[1],))
        assert set(changed) - before == {ROUTER[0], lower, *ROUTER[2:]}
        bare = {line for line in await frr.configure((), (lower, *ROUTER)) if line.context}
        assert bare == {line for line in before if line.context}
        assert await frr.virtual_routers() == ()

    async def test_reads_what_runs(self, frr):
        assert set(parse(FOREIGN)) - set(await frr.read()) == set()

    async def test_adds_our_lines_among_the_others(self, frr):
        before = await frr.read()
        await frr.configure(WANTED, ())
        after = await frr.read()
        assert needed(after, WANTED) == ()
        assert set(after) == set(merge(before, WANTED, ()))
        gone = set(before) - set(after)
        assert gone == {
            FrrLine(("interface e0",), "ip ospf hello-interval 7"),
            FrrLine(("router ospf",), "ospf router-id 9.9.9.9"),
        }
        assert set(displaced(before, after)) == gone

    async def test_others_keep_their_neighbours(self, frr, foreign_neighbours):
        """``foreign_neighbours()`` names the interfaces of others on which there are neighbours still.

        What a line of ours means for them does not show in the lines.
        """
        before = await foreign_neighbours()
        assert before
        await frr.configure(WANTED, ())
        assert await foreign_neighbours() == before
        await frr.configure((), WANTED)
        assert await foreign_neighbours() == before

    async def test_configuring_twice_is_configuring_once(self, frr):
        await frr.configure(WANTED, ())
        once = await frr.read()
        await frr.configure(WANTED, ())
        assert await frr.read() == once

    async def test_down_leaves_what_was_there_before_up(self, frr):
        before = await frr.read()
        ours = needed(before, WANTED)
        await frr.configure(ours, ())
        between = await frr.read()
        await frr.configure(displaced(before, between), ours)
        assert set(await frr.read()) == set(before)

    async def test_foreign_lines_that_came_meanwhile_stay(self, frr):
        before = await frr.read()
        ours = needed(before, WANTED)
        await frr.configure(ours, ())
        late = FrrLine(("router ospf",), "default-metric 25")
        await frr.configure([late], ())
        await frr.configure(displaced(before, merge(before, ours, ())), ours)
        assert set(await frr.read()) == {*before, late}

    async def test_a_changed_value_replaces_the_old_one(self, frr):
        await frr.configure([COST], ())
        lines = await frr.read()
        assert [line.text for line in lines if line.text.startswith("ip ospf cost")] == [COST.text]

    async def test_removing_what_is_not_there_is_no_failure(self, frr):
        before = await frr.read()
        await frr.configure((), [COST])
        assert await frr.read() == before

    async def test_an_area_can_be_changed(self, frr):
        await frr.configure([FrrLine(("interface e0",), "ip ospf area 0.0.0.0")], ())
        line = FrrLine(("interface e0",), "ip ospf area 0.0.0.7")
        await frr.configure([line], ())
        assert line in await frr.read()

    async def test_a_rejected_line_changes_nothing_and_is_named(self, frr, rejected):
        before = await frr.read()
        with pytest.raises(DriverError, match=rejected.text):
            await frr.configure([*WANTED, rejected], ())
        assert await frr.read() == before

    async def test_what_is_in_the_way_is_named_and_nothing_changes(self, frr):
        network = FrrLine(("router ospf",), "network 192.0.2.0/24 area 0")
        await frr.configure((), [FrrLine(("interface e1",), "ip ospf area 0")])
        await frr.configure([network], ())
        before = await frr.read()
        with pytest.raises(DriverError, match=network.text):
            await frr.configure(WANTED, ())
        assert await frr.read() == before

    async def test_no_neighbours_without_ospf_on_the_wire(self, frr):
        assert await frr.neighbors(AddressFamily.IPV4) == ()
