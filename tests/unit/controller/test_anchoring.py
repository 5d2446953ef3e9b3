"""Flows that are anchored: from a change of the pool until they have ended."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from fake_director import FakeDirector, eventually, idle, inventory, running, take_over
from fake_flows import (
    DRAINED,
    FLOWS,
    KEY,
    MAP,
    drain,
    element,
    mapped,
    open_flows,
    private,
    remembering,
    settled,
    strays,
)

from clusterlb.core.anchors import MOST
from clusterlb.model.ipvs import DestinationStatistics, ProtocolTimeouts
from clusterlb.model.plan import LoadRules
from clusterlb.model.rules import NO_RULES


def quick(tmp_path):
    """Return a host whose entries live 90 s."""
    host = FakeDirector(tmp_path, remembering(inventory(), 200.0))
    host.ipvs.set_timeouts(ProtocolTimeouts(tcp=90))
    return host


@asynccontextmanager
async def flowing(host):
    """Run a host's controller, with flows through all of its members that it has counted."""
    async with running(host) as controller:
        open_flows(host)
        await settled()
        yield controller


async def grow(host, controller, members=4):
    take_over(controller.store, remembering(inventory(members=members, digest=f"{members}")))
    host.engine.set_probes(controller.store.index.probes)
    await idle(controller)
    await asyncio.sleep(10)


@pytest.mark.parametrize("change", ["a member more", "a drain"])
async def test_the_strays_of_a_change_are_anchored_to_their_members(tmp_path, change):
    host = FakeDirector(tmp_path, remembering(inventory()))
    async with flowing(host) as controller:
        assert mapped(host) == {}
        await (grow(host, controller) if change == "a member more" else drain(controller))
        assert mapped(host) == strays(host) != {}
        assert len(private(host)) == len(set(strays(host).values()))
        assert controller.reconciler.plan() == ()


async def test_who_is_no_stray_any_more_has_no_anchor_and_nothing_is_left(tmp_path):
    host = FakeDirector(tmp_path, remembering(inventory()))
    async with flowing(host) as controller:
        await grow(host, controller)
        assert mapped(host)
        await grow(host, controller, members=3)
        assert (strays(host), mapped(host)) == ({}, {})
        await asyncio.sleep(60)
        assert private(host) == set()
        assert MAP not in host.rules.read().sets


async def test_a_private_service_stays_while_it_has_connections(tmp_path):
    host = FakeDirector(tmp_path, remembering(inventory()))
    async with flowing(host) as controller:
        await drain(controller)
        (key,) = private(host)
        (member,) = set(strays(host).values())
        host.ipvs.set_statistics(key, member, DestinationStatistics(active=1))
        controller.intents.clear(*controller.intents.standing[0].name)
        await asyncio.sleep(120)
        assert mapped(host) == {}
        assert private(host) == {key}
        host.ipvs.set_statistics(key, member, DestinationStatistics())
        await asyncio.sleep(60)
        assert private(host) == set()


async def test_what_the_kernel_notes_ends_an_anchor_or_keeps_it(tmp_path):
    host = quick(tmp_path)
    async with flowing(host) as controller:
        await drain(controller)
        ending, again, speaking, *_ = anchored = list(mapped(host))
        for flow in anchored:
            del host.ipvs.entries[flow]  # idle for longer than IPVS keeps them
        host.rules.notes = {
            "ending_tcp4": {element(ending)},
            "reopened_tcp4": {element(again)},
            "spoke_tcp4": {element(speaking), element(again)},
        }
        await asyncio.sleep(60)
        assert mapped(host).keys() == set(anchored) - {ending, again}
        await asyncio.sleep(260)
        assert mapped(host).keys() == {speaking}
        host.rules.notes = {}
        await asyncio.sleep(260)
        assert mapped(host) == {}


async def test_an_anchor_ends_with_its_member(tmp_path):
    host = FakeDirector(tmp_path, remembering(inventory()))
    async with flowing(host) as controller:
        await grow(host, controller)
        dead = next(iter(set(mapped(host).values())))
        host.engine.down.add(str(dead))
        await asyncio.sleep(60)
        assert dead not in mapped(host).values()
        assert mapped(host)


async def test_a_restart_goes_on_with_the_anchors(tmp_path):
    host = FakeDirector(tmp_path, remembering(inventory()))
    async with flowing(host) as controller:
        await drain(controller)
        before = mapped(host)
        assert before
    for flow in before:
        del host.ipvs.entries[flow]
    async with running(host) as controller:
        assert mapped(host) == before
        await settled()
        assert mapped(host) == before
        loaded = [step for step in host.rules.applied if isinstance(step, LoadRules)]
        assert len(loaded) == 2, "once at the start, once for the first anchor"


async def test_a_drain_waits_for_anchored_flows(tmp_path):
    host = FakeDirector(tmp_path, remembering(inventory()))
    async with flowing(host) as controller:
        await drain(controller)
        flows = list(mapped(host))
        for flow in flows:
            del host.ipvs.entries[flow]
        host.ipvs.set_statistics(
            KEY, controller.store.anchors[flows[0]].binding.destination, DestinationStatistics()
        )
        await asyncio.sleep(60)
        assert not controller.store.draining.gone
        host.rules.notes = {"ending_tcp4": set(map(element, flows))}
        await eventually(lambda: controller.store.draining.gone)


async def test_idle_flows_without_an_entry_are_remembered(tmp_path):
    host = quick(tmp_path)
    async with flowing(host) as controller:
        quiet = FLOWS[:150]
        for flow in quiet:
            host.ipvs.entries[flow] = host.ipvs.entries[flow]._replace(expires=40)
        await asyncio.sleep(40)
        members = {flow: host.ipvs.entries.pop(flow).destination for flow in quiet}
        await asyncio.sleep(40)
        await drain(controller)
        moved = {flow: m for flow, m in members.items() if str(m) == DRAINED}
        assert mapped(host) == {**strays(host), **moved}
        assert moved


async def test_none_is_anchored_where_nothing_is_to_be_remembered(tmp_path):
    host = FakeDirector(tmp_path)
    async with flowing(host) as controller:
        await drain(controller)
        assert strays(host)
        assert mapped(host) == {}


async def test_down_leaves_no_trace(tmp_path):
    host = FakeDirector(tmp_path, remembering(inventory()))
    async with flowing(host) as controller:
        await drain(controller)
        assert private(host)
        assert await controller.down(force=True) == []
    assert host.ipvs.read() == {}
    assert host.rules.read() == NO_RULES
    assert len(FLOWS) < MOST
