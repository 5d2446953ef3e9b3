"""A member of a UDP service goes DOWN while clients send; on fakes, through the controller's real loop."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import FakeDirector, eventually, idle, inventory, running, unheard, weights
from intents import drain

from clusterlb.controller.flows import TRIES
from clusterlb.core.host import sysctls
from clusterlb.model.inventory import OnDown, Sorry
from clusterlb.model.ipvs import DestinationStatistics, Protocol
from clusterlb.model.plan import AddDestination, RemoveDestination

MEMBERS = [f"10.2.0.10{n}:80" for n in (1, 2, 3)]
SENDERS = DestinationStatistics(inactive=7)


def host_with(tmp_path, protocol=Protocol.UDP, scheduler="mh", **pool):
    """Return a host whose only service is of this protocol, and whose pool is as told."""
    given = inventory()
    vips = {
        address: replace(
            vip,
            services=tuple(replace(one, protocol=protocol, scheduler=scheduler) for one in vip.services),
        )
        for address, vip in given.vips.items()
    }
    pools = {"web": replace(given.pools["web"], **pool)}
    return FakeDirector(tmp_path, replace(given, vips=vips, pools=pools))


def senders(host, member=MEMBERS[0]):
    """Return the number of entries that lead to a member."""
    (found,) = host.ipvs.statistics().values()
    return {str(key): numbers.inactive for key, numbers in found.destinations}.get(member, 0)


def have_senders(host, member=MEMBERS[0]):
    (key, service), *_ = host.ipvs.read().items()
    (one,) = [d.key for d in service.destinations if str(d.key) == member]
    host.ipvs.set_statistics(key, one, SENDERS)


@pytest.mark.parametrize("scheduler", ["mh", "sh", "rr"])
async def test_the_flows_of_a_member_that_is_down_end_and_the_table_stays(tmp_path, scheduler):
    host = host_with(tmp_path, scheduler=scheduler)
    async with running(host) as controller:
        for member in MEMBERS:
            have_senders(host, member)
        (key,) = host.ipvs.read()
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host).get(MEMBERS[0]) == 0 and not senders(host))
        await idle(controller)
        assert dict.fromkeys(MEMBERS, 1) | {MEMBERS[0]: 0} == weights(host)
        if scheduler != "rr":
            assert list(weights(host)) == MEMBERS
            assert list(host.ipvs.last_weights(key).values()) == [1, 1, 1]
        count = len(host.ipvs.applied)
        await controller.reconciler.flows.look()
        await idle(controller)
        assert len(host.ipvs.applied) == count, "it is done once"


async def test_a_member_without_flows_is_left_in_its_place(tmp_path):
    host = host_with(tmp_path)
    async with running(host) as controller:
        host.engine.down.add(MEMBERS[1])
        await eventually(lambda: weights(host)[MEMBERS[1]] == 0)
        await idle(controller)
        assert not any(isinstance(step, RemoveDestination) for step in host.ipvs.applied)


async def test_while_nobody_else_serves_the_flows_stay_and_then_they_move(tmp_path):
    host = host_with(tmp_path)
    async with running(host) as controller:
        have_senders(host)
        host.engine.down.update(MEMBERS)
        await eventually(lambda: not any(weights(host).values()))
        await idle(controller)
        assert senders(host) == 7
        host.engine.down.discard(MEMBERS[2])
        await eventually(lambda: weights(host) == dict.fromkeys(MEMBERS, 0) | {MEMBERS[2]: 1})
        await eventually(lambda: list(weights(host)) == MEMBERS and not senders(host))


async def test_a_drain_lets_flows_be(tmp_path):
    host = host_with(tmp_path)
    async with running(host) as controller:
        have_senders(host)
        await controller.intents.set(drain(f"member/web/{MEMBERS[0]}"))
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        await idle(controller)
        await controller.reconciler.flows.look()
        await idle(controller)
        assert senders(host) == 7


@pytest.mark.parametrize(
    ("protocol", "ends", "left"),
    [
        (Protocol.UDP, frozenset(), 7),
        (Protocol.TCP, frozenset({Protocol.UDP}), 7),
        (Protocol.TCP, frozenset({Protocol.TCP}), 0),
        (Protocol.SCTP, frozenset({Protocol.UDP}), 7),
        (Protocol.SCTP, frozenset({Protocol.SCTP}), 0),
    ],
)
async def test_the_pool_says_whose_flows_end(tmp_path, protocol, ends, left):
    host = host_with(tmp_path, protocol=protocol, ends_flows=ends)
    async with running(host) as controller:
        have_senders(host)
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host).get(MEMBERS[0]) == 0 and senders(host) == left)
        await idle(controller)
        await controller.reconciler.flows.look()
        await idle(controller)
        assert (senders(host), list(weights(host))) == (left, MEMBERS)


async def test_a_member_that_comes_back_meanwhile_serves_in_its_place(tmp_path):
    host = host_with(tmp_path)
    async with running(host):
        have_senders(host)
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: MEMBERS[0] not in weights(host))
        host.engine.down.clear()
        await eventually(lambda: weights(host) == dict.fromkeys(MEMBERS, 1))
        await eventually(lambda: list(weights(host)) == MEMBERS)


async def test_a_member_that_is_drained_meanwhile_comes_back_and_drains_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("clusterlb.controller.flows.GAP", 1.0)
    host = host_with(tmp_path)
    async with running(host) as controller:
        have_senders(host)
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: MEMBERS[0] not in weights(host))
        drained = drain(f"member/web/{MEMBERS[0]}")
        await controller.intents.set(drained)
        await eventually(lambda: weights(host) == dict.fromkeys(MEMBERS, 1) | {MEMBERS[0]: 0})
        assert list(weights(host)) == MEMBERS
        await idle(controller)
        assert not controller.store.emptying


async def test_a_controller_that_starts_meanwhile_leaves_the_member_out_until_its_checks_speak(tmp_path):
    host = host_with(tmp_path)
    async with running(host) as controller:
        controller.reconciler.flows.later = lambda *_: None  # it ends before the gap does
        have_senders(host)
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: MEMBERS[0] not in weights(host))
    count = len(host.ipvs.applied)
    async with unheard(host):
        assert list(weights(host)) == MEMBERS[1:]
        assert len(host.ipvs.applied) == count
        host.engine.down.add(MEMBERS[0])
        host.engine.silent = False
        await eventually(lambda: weights(host) == dict.fromkeys(MEMBERS, 1) | {MEMBERS[0]: 0})
        assert list(weights(host)) == MEMBERS


async def test_a_sorry_server_that_is_needed_no_more_goes_with_its_senders(tmp_path):
    host = host_with(tmp_path, sorry=Sorry(ip_address("10.2.0.200"), 80))
    async with running(host):
        host.engine.down.update(MEMBERS)
        await eventually(lambda: weights(host).get("10.2.0.200:80") == 1)
        have_senders(host, "10.2.0.200:80")
        host.engine.down.clear()
        await eventually(lambda: weights(host) == dict.fromkeys(MEMBERS, 1))


async def test_what_cannot_be_ended_is_left_after_some_tries(tmp_path, monkeypatch):
    host = host_with(tmp_path)
    monkeypatch.setattr(host.ipvs, "keeps_entries", True)
    monkeypatch.setattr("clusterlb.controller.flows.GAP", 0.01)
    async with running(host) as controller:
        have_senders(host)
        host.engine.down.add(MEMBERS[0])

        def tries():
            return sum(
                isinstance(step, AddDestination) and str(step.destination.key) == MEMBERS[0]
                for step in host.ipvs.applied
            )

        await eventually(lambda: tries() == 1 + TRIES)
        await idle(controller)
        await controller.reconciler.flows.look()
        await idle(controller)
        assert (tries(), weights(host)[MEMBERS[0]]) == (1 + TRIES, 0)


@pytest.mark.parametrize("on_down", OnDown)
@pytest.mark.parametrize("scheduler", ["mh", "sh", "dh", "rr", "wlc"])
def test_a_packet_whose_member_is_gone_is_placed_anew_whatever_the_scheduler(tmp_path, scheduler, on_down):
    host = host_with(tmp_path, scheduler=scheduler, on_down=on_down)
    found = sysctls(host.inventory, host.inventory.directors["d1"])
    assert found["net/ipv4/vs/expire_nodest_conn"] == "1"
