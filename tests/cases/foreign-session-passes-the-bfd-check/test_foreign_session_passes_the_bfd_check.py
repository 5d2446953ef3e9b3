"""The switch is gone, somebody else is there: on fakes through the loop, and on a real FRR with two links."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from fake_director import VIP, FakeDirector, announced, eventually, inventory, running

from clusterlb.controller.neighbors import on_uplinks, watched
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.interface import BfdSession, OspfNeighbor
from clusterlb.model.address import AddressFamily
from clusterlb.model.director_checks import DirectorChecks
from clusterlb.model.reason import Reason
from tests.frr import conftest as frr
from tests.frr.conftest import frr_missing
from tests.support.fake_frr import ADJACENT, SESSION

routers, wire = frr.routers, frr.wire
CORE = OspfNeighbor("192.0.2.254", "e2", "Full/DR", "192.0.2.254")
FOREIGN = {
    "on another interface": BfdSession("192.0.2.254", "e2"),
    "with another address on the uplink": BfdSession("10.1.1.9", "e0"),
    "with the same address on another interface": BfdSession(SESSION.address, "e2"),
}


def host_with(tmp_path, **checks):
    given = inventory()
    cluster = replace(given.cluster, director_checks=DirectorChecks(**checks))
    return FakeDirector(tmp_path, replace(given, cluster=cluster))


@pytest.mark.parametrize("session", FOREIGN)
async def test_a_foreign_bfd_session_keeps_no_director_in_service(tmp_path, session):
    host = host_with(tmp_path, bfd=True)
    host.frr.adjacent = (ADJACENT, CORE)
    async with running(host) as controller:
        await eventually(lambda: announced(host) == {VIP})
        host.frr.sessions = frozenset({FOREIGN[session]})
        await eventually(lambda: announced(host) == set())
        assert controller.store.unfit.reason is Reason.BFD_DOWN


async def test_a_foreign_ospf_neighbour_keeps_no_director_in_service(tmp_path):
    host = host_with(tmp_path, ospf_full=1)
    host.frr.adjacent = (ADJACENT, CORE)
    async with running(host) as controller:
        await eventually(lambda: announced(host) == {VIP})
        host.frr.adjacent = (CORE,)
        await eventually(lambda: announced(host) == set())
        assert controller.store.unfit.reason is Reason.OSPF_NOT_FULL


SPEAKS = """\
interface {port}
 ip ospf area 0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 3
 ip ospf bfd
exit
"""
BFD = "bfd\n peer {peer} interface {port}\n  no shutdown\n exit\nexit\n"


@frr_missing
@pytest.mark.frr
async def test_frr_tells_the_sessions_apart(routers, wire):
    director, switch, core = routers("d"), routers("s"), routers("c")
    wire(director, "e0", "10.1.0.1/24", switch, "p0", "10.1.0.254/24")
    wire(director, "e2", "192.0.2.1/24", core, "p2", "192.0.2.254/24")
    for router in (director, switch, core):
        router.start("zebra", "ospfd", "bfdd")
    switch.load(SPEAKS.format(port="p0") + "router ospf\n ospf router-id 10.1.0.254\nexit\n")
    director.load(SPEAKS.format(port="e0") + "router ospf\n ospf router-id 10.1.0.1\nexit\n")
    for router, peer, port in ((director, "192.0.2.254", "e2"), (core, "192.0.2.1", "p2")):
        router.load(BFD.format(peer=peer, port=port))
    running_frr = FrrDaemon(pathspace=director.name)
    mine, theirs = BfdSession("10.1.0.254", "e0"), BfdSession("192.0.2.254", "e2")

    async def until(sessions):
        for _ in range(600):
            found = await running_frr.bfd_up()
            if found == sessions:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(found)

    async def count():
        ours = on_uplinks(await running_frr.neighbors(AddressFamily.IPV4), ("e0",))
        return watched(ours, await running_frr.bfd_up())

    await until({mine, theirs})
    assert await count() == 1
    switch.ip("link", "set", "p0", "down")
    await until({theirs})
    assert await count() == 0
