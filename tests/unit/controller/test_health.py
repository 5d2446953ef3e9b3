"""What verdicts, pins and the director's own checks come to; on fakes, through the controller's real loop."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import CHECK, VIP, FakeDirector, announced, eventually, idle, inventory, running, weights
from intents import pin

from clusterlb.controller.intents import UnknownTargetError
from clusterlb.core.suspect import ENOUGH
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckSpec, CheckType, CommandOptions, ProbeSpec, Via
from clusterlb.model.director_checks import DirectorChecks, DirectorProbe
from clusterlb.model.inventory import Amount, OnDown, Quorum, Sorry
from clusterlb.model.ipvs import Counters, DestinationKey, DestinationStatistics, ForwardMethod
from clusterlb.model.plan import AddDestination, EditDestination, RemoveDestination
from clusterlb.model.reason import Reason
from tests.support.fake_frr import ADJACENT

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


async def test_a_recovered_member_starts_slowly(tmp_path):
    host = host_with(tmp_path, weight=4, slow_start=0.8)
    async with running(host):
        assert set(weights(host).values()) == {4}, "a start is no recovery"
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        before = len(host.ipvs.applied)
        host.engine.down.clear()
        await eventually(lambda: weights(host)[MEMBERS[0]] == 4)
        edits = [step.destination.weight for step in host.ipvs.applied[before:]]
        assert edits == sorted(edits)
        assert edits[-1] == 4
        assert 1 in edits


async def test_a_member_that_is_down_can_be_removed(tmp_path):
    host = host_with(tmp_path, on_down=OnDown.REMOVE)
    async with running(host):
        host.engine.down.add(MEMBERS[2])
        await eventually(lambda: MEMBERS[2] not in weights(host))
        host.engine.down.clear()
        await eventually(lambda: list(weights(host)) == MEMBERS)


async def test_with_too_few_up_all_are_used_and_it_is_said(tmp_path):
    host = host_with(tmp_path, panic=50)
    async with running(host) as controller:
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        host.engine.down.add(MEMBERS[1])
        await eventually(lambda: set(weights(host).values()) == {1})
        await idle(controller)
        assert announced(host) == {VIP}
        assert "all are used" in controller.store.decided[VIP].because.text


async def test_the_sorry_server_comes_before_the_last_member_goes_and_goes_after_one_is_back(tmp_path):
    host = host_with(tmp_path, members=2, sorry=Sorry(ip_address("10.2.0.200"), 80))
    async with running(host) as controller:
        assert SORRY not in weights(host)
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        before = len(host.ipvs.applied)
        host.engine.down.add(MEMBERS[1])
        await eventually(lambda: weights(host) == {MEMBERS[0]: 0, MEMBERS[1]: 0, SORRY: 1})
        assert [type(step) for step in host.ipvs.applied[before:]] == [AddDestination, EditDestination]
        await idle(controller)
        assert announced(host) == {VIP}
        assert controller.store.decided[VIP].because.reason is Reason.SORRY

        sorry = DestinationKey(ip_address("10.2.0.200"), 80)
        host.ipvs.set_statistics(key(host), sorry, DestinationStatistics(active=1))
        before = len(host.ipvs.applied)
        host.engine.down.clear()
        await eventually(lambda: weights(host) == {MEMBERS[0]: 1, MEMBERS[1]: 1, SORRY: 0})
        first = host.ipvs.applied[before]
        assert first.destination.weight == 1, "a member is back before the sorry server goes"
        await controller.counters.look()
        assert SORRY in weights(host), "it has a connection"
        host.ipvs.set_statistics(key(host), sorry, DestinationStatistics())
        await controller.counters.look()
        await eventually(lambda: SORRY not in weights(host))
        assert isinstance(host.ipvs.applied[-1], RemoveDestination)


async def test_a_sorry_server_has_its_own_forwarding(tmp_path):
    from clusterlb.model.inventory import Forwarding

    host = host_with(tmp_path, members=1, sorry=Sorry(ip_address("10.2.0.200"), 8080, Forwarding.NAT))
    async with running(host):
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: "10.2.0.200:8080" in weights(host))
        (service,) = host.ipvs.read().values()
        assert [d.method for d in service.destinations] == [ForwardMethod.ROUTE, ForwardMethod.MASQ]


async def test_a_quorum_of_weight_withdraws(tmp_path):
    half = Quorum(Amount(60, percent=True), Amount(50, percent=True))
    host = host_with(tmp_path, quorum=half)
    async with running(host) as controller:
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        await idle(controller)
        assert announced(host) == {VIP}
        host.engine.down.add(MEMBERS[1])
        await eventually(lambda: announced(host) == set())


async def test_a_pin_decides_survives_a_restart_and_is_taken_back(tmp_path):
    host = host_with(tmp_path)
    async with running(host) as controller:
        await controller.intents.set(pin(f"web/{MEMBERS[0]}", "down", reason="disk is replaced"))
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        host.engine.down.add(MEMBERS[1])
        await eventually(lambda: weights(host)[MEMBERS[1]] == 0)
        await controller.intents.set(pin(f"web/{MEMBERS[1]}", "up", reason="the check is wrong"))
        await eventually(lambda: weights(host) == {MEMBERS[0]: 0, MEMBERS[1]: 1, MEMBERS[2]: 1})
    async with running(host) as controller:
        assert weights(host)[MEMBERS[0]] == 0
        assert [intent.reason for intent in controller.intents.standing] == [
            "disk is replaced",
            "the check is wrong",
        ]
        assert controller.intents.clear(*pin(f"web/{MEMBERS[0]}").name)
        assert controller.intents.clear(*pin(f"web/{MEMBERS[0]}").name) is None
        await eventually(lambda: weights(host)[MEMBERS[0]] == 1)


async def test_a_pin_runs_out(tmp_path):
    host = host_with(tmp_path)
    async with running(host) as controller:
        await controller.intents.set(pin(f"web/{MEMBERS[0]}", "down", reason="an hour"), 0.2)
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        await eventually(lambda: weights(host)[MEMBERS[0]] == 1)
        assert controller.intents.standing == []


@pytest.mark.parametrize("target", ["web/10.2.0.9:80", "nosuch/10.2.0.101:80"])
async def test_a_pin_of_nothing_is_refused_with_what_there_is(tmp_path, target):
    host = host_with(tmp_path)
    async with running(host) as controller:
        with pytest.raises(UnknownTargetError, match=r"web/"):
            await controller.intents.set(pin(target, "down", reason="?"))
        assert controller.intents.standing == []


async def test_a_check_of_the_directors_own_withdraws_everything(tmp_path):
    command = CheckSpec(ProbeSpec(CheckType.COMMAND, 0.1, 0.1, CommandOptions(("/bin/true",))), 1, 1)
    own = DirectorProbe("disk", command, Endpoint(ip_address("127.0.0.1"), 0))
    host = host_with(tmp_path, checks=DirectorChecks(probes=(own,)))
    async with running(host) as controller:
        assert announced(host) == {VIP}
        host.engine.down.add("127.0.0.1:0")
        await eventually(lambda: announced(host) == set())
        because = controller.store.decided[VIP].because
        assert (because.reason, because.text) == (
            Reason.DIRECTOR_UNFIT,
            "director check disk: connection refused",
        )
        host.engine.down.clear()
        await eventually(lambda: announced(host) == {VIP})


async def test_without_a_full_neighbour_nothing_is_announced_where_that_is_asked_for(tmp_path):
    host = host_with(tmp_path, checks=DirectorChecks(ospf_full=1, bfd=True))
    host.frr.adjacent = (ADJACENT,)
    async with running(host) as controller:
        await eventually(lambda: controller.store.health.ospf_full == 1)
        assert announced(host) == {VIP}
        host.frr.adjacent = ()
        await eventually(lambda: announced(host) == set())
        assert controller.store.unfit.reason is Reason.OSPF_NOT_FULL


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
