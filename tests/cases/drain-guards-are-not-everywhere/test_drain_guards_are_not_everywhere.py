"""Down with nobody else to serve, stale routes during a pause, and one VIP of a group that drains."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest
from fake_director import VIP, FakeDirector, announced, eventually, inventory, running
from intents import drain, pause
from served_director import served

from clusterlb.cli.client import ask
from clusterlb.controller import drains
from clusterlb.model.inventory import Director, Service, Vip
from clusterlb.model.ipvs import Counters, DestinationKey, DestinationStatistics, Protocol
from clusterlb.model.lsdb import Databases, HostRoute, Lsdb, RouterLink, RouterLsa
from clusterlb.model.ospf import Lane, Uplink
from clusterlb.model.reason import Reason

OTHER = ip_address("10.100.0.2")
OWN, SECOND, SWITCH = (IPv4Address(f"10.1.0.{last}") for last in (1, 2, 254))
PAUSE = pause()


def two_directors(*vips):
    given = inventory(*vips)
    return replace(given, directors={**given.directors, "d2": Director("d2", SECOND, (Uplink("e0"),))})


def seen(*routes):
    """Return a database in which these routers announce these VIPs in the active lane."""
    routers = (OWN, SECOND)
    lsas = [RouterLsa("0.0.0.0", router, (RouterLink(SWITCH, 10),), 1) for router in routers]
    lsas.append(RouterLsa("0.0.0.0", SWITCH, tuple(RouterLink(router, 10) for router in routers), 1))
    hosts = tuple(HostRoute("0.0.0.0", router, vip, 10, False, 1) for router, vip in routes)
    return Databases(Lsdb(tuple(lsas), (), hosts))


async def down(host, **wish):
    return await asyncio.to_thread(ask, host.root / "run", "POST", "/v1/down", 30.0, body=wish)


@pytest.mark.parametrize(
    "database", [Databases(Lsdb((), (), ())), seen((OWN, VIP)), seen((OWN, VIP), (SECOND, OTHER))]
)
async def test_down_is_refused_where_a_drain_is(tmp_path, database):
    host = FakeDirector(tmp_path, two_directors())
    async with served(host) as controller:
        host.frr.lsdb = database
        code, answer = await down(host)
        assert (code, answer["reason"]) == (409, Reason.TOO_FEW_ANNOUNCERS.value)
        assert announced(host) == {VIP}
        assert not controller.store.leaving
        assert (await down(host, force=True))[0] == 200
    assert not announced(host)


async def test_down_goes_where_others_serve_and_where_there_are_none(tmp_path):
    host = FakeDirector(tmp_path / "two", two_directors())
    async with served(host):
        host.frr.lsdb = seen((OWN, VIP), (SECOND, VIP))
        assert (await down(host))[0] == 200
    assert not announced(host)
    alone = FakeDirector(tmp_path / "one")
    async with served(alone):
        assert (await down(alone))[0] == 200


async def test_a_pause_leaves_stale_routes_and_watches_nothing(tmp_path):
    host = FakeDirector(tmp_path, two_directors())
    async with running(host) as controller:
        controller.engine.down |= {f"10.2.0.10{n}:80" for n in (1, 2, 3)}
        await eventually(lambda: not announced(host) and not controller.store.actual.links.announced)
        await controller.intents.set(PAUSE)
        host.frr.lsdb = seen((OWN, VIP))
        mark = len(host.links.applied)
        controller.hairpins._next = float("-inf")
        for _ in range(3):
            await controller.routing.cluster(at_once=True)
            await controller.hairpins.look()
        assert host.links.applied[mark:] == []
        assert controller.hairpins._until is None
        controller.intents.clear(*PAUSE.name)
        await controller.routing.cluster(at_once=True)
        assert len(host.links.applied) == mark + 2


def grouped():
    """Return an inventory of two VIPs that are one service."""
    given = two_directors("10.100.0.1", "10.100.0.2")
    group, service = (VIP, OTHER), Service(Protocol.TCP, 80, "web", mark=0x44000001)
    return replace(given, vips={vip: Vip(vip, (service,), group=group) for vip in group})


def come(host, packets):
    """Have so many packets come for each service."""
    numbers = DestinationStatistics(counters=Counters(in_packets=packets))
    for key in host.ipvs.read():
        host.ipvs.set_statistics(key, DestinationKey(ip_address("10.2.0.101"), 80), numbers)


async def test_one_vip_of_a_group_becomes_quiet(tmp_path, monkeypatch):
    monkeypatch.setattr(drains, "SHARED", 0.0)
    monkeypatch.setattr("clusterlb.core.place.QUIET", 0.0)
    host = FakeDirector(tmp_path, grouped())
    async with running(host) as controller:
        host.frr.lsdb = seen((SECOND, VIP), (OWN, OTHER))
        await controller.intents.set(drain(f"vip/{VIP}"))
        await eventually(lambda: host.links.read().announced[VIP] == {Lane.DRAINED})
        host.frr.lsdb = seen((SECOND, VIP), (OWN, OTHER))
        for packets in range(200):  # all of them for the other VIP
            come(host, packets)
            await controller.routing.cluster(at_once=True)
            await controller.drains.look()
            if announced(host) == {OTHER}:
                return
        raise AssertionError("it is never withdrawn")


async def test_a_group_that_drains_as_a_whole_waits_for_its_packets(tmp_path, monkeypatch):
    monkeypatch.setattr(drains, "SHARED", 0.0)
    monkeypatch.setattr("clusterlb.core.place.QUIET", 0.0)
    host = FakeDirector(tmp_path, grouped())
    async with running(host) as controller:
        host.frr.lsdb = seen((SECOND, VIP), (SECOND, OTHER))
        await controller.intents.set(drain("director"))
        seen_by_itself = controller.store.actual
        await eventually(lambda: set(seen_by_itself.links.announced.values()) == {frozenset({Lane.DRAINED})})
        await controller.drains.look()
        for packets in (1, 2, 3):
            come(host, packets)
            before = controller.store.draining.progress[VIP].quiet_since
            await controller.drains.look()
            assert controller.store.draining.progress[VIP].quiet_since > before
