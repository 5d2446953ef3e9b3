"""What verdicts, pins and the director's own checks come to; on fakes, through the controller's real loop."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import CHECK, VIP, FakeDirector, announced, eventually, idle, inventory, running, weights
from intents import pin

from clusterlb.controller.intents import UnknownTargetError
from clusterlb.core.suspect import ENOUGH
from clusterlb.model.check import CheckSpec, Via
from clusterlb.model.director_checks import DirectorChecks
from clusterlb.model.inventory import Sorry
from clusterlb.model.ipvs import Counters, DestinationKey, DestinationStatistics, ForwardMethod

MEMBERS = [f"10.2.0.10{n}:80" for n in (1, 2, 3)]
SORRY = "10.2.0.200:80"


def host_with(tmp_path, members=3, weight=1, checks=None, **pool):
    """Return a host whose pool ``web`` is as told."""
    given = inventory(members=members)
    web = given.pools["web"]
    heavy = tuple(replace(member, weight=weight) for member in web.members)
    cluster = replace(given.cluster, director_checks=checks or DirectorChecks())
    return FakeDirector(
        tmp_path, replace(given, cluster=cluster, pools={"web": replace(web, members=heavy, **pool)})
    )


def key(host):
    (found,) = host.ipvs.read()
    return found


async def test_a_member_gets_the_share_that_it_asks_for(tmp_path):
    host = host_with(tmp_path, weight=4)
    async with running(host) as controller:
        host.engine.shares[MEMBERS[1]] = 50
        await eventually(lambda: weights(host)[MEMBERS[1]] == 2)
        host.engine.shares[MEMBERS[1]] = 0
        await eventually(lambda: weights(host)[MEMBERS[1]] == 0)
        host.engine.shares.clear()
        await eventually(lambda: weights(host)[MEMBERS[1]] == 4)
        await idle(controller)
        assert announced(host) == {VIP}


async def test_a_sorry_server_has_its_own_forwarding(tmp_path):
    from clusterlb.model.inventory import Forwarding

    host = host_with(tmp_path, members=1, sorry=Sorry(ip_address("10.2.0.200"), 8080, Forwarding.NAT))
    async with running(host):
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: "10.2.0.200:8080" in weights(host))
        (service,) = host.ipvs.read().values()
        assert [d.method for d in service.destinations] == [ForwardMethod.ROUTE, ForwardMethod.MASQ]


@pytest.mark.parametrize("target", ["web/10.2.0.9:80", "nosuch/10.2.0.101:80"])
async def test_a_pin_of_nothing_is_refused_with_what_there_is(tmp_path, target):
    host = host_with(tmp_path)
    async with running(host) as controller:
        with pytest.raises(UnknownTargetError, match=r"web/"):
            await controller.intents.set(pin(target, "down", reason="?"))
        assert controller.intents.standing == []


async def test_probes_through_the_vip_have_private_services_that_down_removes(tmp_path):
    through = CheckSpec(CHECK.probe, 1, 1, via=Via.VIP)
    host = host_with(tmp_path, checks=None)
    web = host.inventory.pools["web"]
    host.inventory = replace(host.inventory, pools={"web": replace(web, checks=(through,))})
    async with running(host) as controller:
        private = {k: s for k, s in host.ipvs.read().items() if k.fwmark}
        assert len(private) == 3
        assert [[d.weight for d in s.destinations] for s in private.values()] == [[1], [1], [1]]
        assert {probe.through.mark for probe in host.engine.probes} == {k.fwmark for k in private}
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        assert await controller.down(force=True) == []
    assert host.ipvs.read() == {}


async def test_a_member_that_establishes_nothing_is_suspect_and_stays_in_service(tmp_path):
    host = host_with(tmp_path, suspect=10.0)
    async with running(host) as controller:
        member = DestinationKey(ip_address("10.2.0.101"), 80)
        now = 0.0
        controller.store.clock = lambda: now
        for tick in range(8):
            now = tick * 2.0
            seen = Counters(connections=tick * ENOUGH, in_packets=tick * 10, in_bytes=tick * 600)
            host.ipvs.set_statistics(key(host), member, DestinationStatistics(inactive=3, counters=seen))
            await controller.counters.look()
            assert bool(controller.store.counted.suspects) is (now >= 10.0)
        await idle(controller)
        assert weights(host)[MEMBERS[0]] == 1
        assert announced(host) == {VIP}
