"""Drains, pauses and lanes among other directors; on fakes, through the controller's real loop."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest
from fake_director import VIP, FakeDirector, announced, eventually, idle, inventory, running, weights
from intents import drain, pause
from scenario import databases

from clusterlb.controller.intents import UnknownTargetError
from clusterlb.controller.routing import DECIDING
from clusterlb.controller.status import status
from clusterlb.core.guard import refused_drain
from clusterlb.model.cluster_view import STALE
from clusterlb.model.inventory import ActiveStandby, Director, Window
from clusterlb.model.ipvs import DestinationKey, DestinationStatistics, Protocol
from clusterlb.model.lsdb import Databases, Lsdb, RouterLsa
from clusterlb.model.ospf import Lane, Uplink
from clusterlb.model.reason import Reason

OTHER = ip_address("10.100.0.2")
MEMBER = "10.2.0.101:80"
SWITCH = IPv4Address("10.1.0.254")
COSTS = {Lane.ACTIVE: 10, Lane.STANDBY: 1000, Lane.DRAINED: 10000}


def router(number):
    return IPv4Address(f"10.1.0.{number}")


def cluster_of(count, *vips, **changes):
    """Return an inventory of so many directors; this host is d1."""
    given = inventory(*vips)
    directors = {f"d{n}": Director(f"d{n}", router(n), (Uplink("e0"),)) for n in range(1, count + 1)}
    return replace(given, directors=directors, cluster=replace(given.cluster, **changes))


def lane(host, vip=VIP):
    return set(host.links.read().announced.get(vip, ()))


async def look(controller, host, lanes):
    """Have the controller see these announcements."""
    host.frr.lsdb = databases(lanes)
    await controller.routing.cluster(at_once=True)


async def test_a_drain_says_which_flows_it_waits_for_in_vain(tmp_path):
    """A UDP sender that does not fall silent keeps its entry; a TCP client ends its connection some day."""
    given = inventory()
    vip = given.vips[VIP]
    (tcp,) = vip.services
    services = (tcp, replace(tcp, protocol=Protocol.UDP))
    given = replace(given, vips={VIP: replace(vip, services=services)})
    host = FakeDirector(tmp_path, given)
    member = DestinationKey(ip_address("10.2.0.101"), 80)

    def members(seen):
        return [
            found.lingering
            for service in seen.vips[0].services
            for found in service.members
            if str(found.member) == MEMBER
        ]

    async with running(host) as controller:
        by_protocol = {key.protocol: key for key in host.ipvs.read()}
        for key in by_protocol.values():
            host.ipvs.set_statistics(key, member, DestinationStatistics(inactive=3))
        await controller.intents.set(drain(f"member/web/{MEMBER}"))
        tables = host.ipvs.read
        await eventually(
            lambda: all(d.weight == 0 for t in tables().values() for d in t.destinations if d.key == member)
        )
        made = controller.intents.standing[0].made
        for seconds, told in ((299, False), (301, True), (1000, True)):
            controller.drains.wall = lambda seconds=seconds: made + seconds
            await controller.drains.look()
            texts = members(await status(controller))
            assert [bool(text) for text in texts] == [told, told]
        assert texts[0].startswith("3 UDP flows still send 1000 s after the drain began")
        assert f"`clusterlb drain member web/{MEMBER} --deadline 1m`" in texts[0]
        host.ipvs.set_statistics(by_protocol[Protocol.UDP], member, DestinationStatistics())
        await controller.drains.look()
        assert members(await status(controller)) == ["", ""]
        host.ipvs.set_statistics(by_protocol[Protocol.UDP], member, DestinationStatistics(inactive=1))
        await controller.drains.look()
        assert members(await status(controller))[0].startswith("1 UDP flow still sends")
        await controller.intents.set(drain(f"member/web/{MEMBER}", patience=2000.0))
        await controller.drains.look()
        assert members(await status(controller)) == ["", ""]
        await controller.intents.set(drain(f"member/web/{MEMBER}"))
        await controller.drains.look()
        assert any(members(await status(controller)))
        controller.intents.clear(*drain(f"member/web/{MEMBER}").name)
        assert members(await status(controller)) == ["", ""]


async def test_a_drain_begins_when_it_is_due_and_ends_by_itself(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        begins = time.time() + 1.0
        await controller.intents.set(drain("director", begins=begins, force=True), duration=2.0)
        assert controller.store.in_force.drains == {}
        await eventually(lambda: lane(host) == {Lane.DRAINED})
        await eventually(lambda: lane(host) == {Lane.ACTIVE})
        assert controller.intents.standing == []


async def test_a_paused_controller_changes_nothing_and_goes_on_where_it_was(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        await controller.intents.set(pause())
        before = len(host.ipvs.applied)
        host.engine.down.add(MEMBER)
        await eventually(lambda: any(v.state.value == "down" for v in controller.store.verdicts.values()))
        await controller.reconciler.cycle()
        assert controller.reconciler.plan(), "there is something to do"
        assert len(host.ipvs.applied) == before
        assert weights(host)[MEMBER] == 1
        controller.intents.clear(*pause().name)
        await eventually(lambda: weights(host).get(MEMBER) == 0)


@pytest.mark.parametrize(
    "target", ["vip/10.9.9.9", "pool/nosuch", "member/web/10.2.0.9:80", "member/nosuch/10.2.0.101:80"]
)
async def test_what_this_director_does_not_have_is_refused(tmp_path, target):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        with pytest.raises(UnknownTargetError, match="there are"):
            await controller.intents.set(drain(target))


async def test_active_standby_by_an_order(tmp_path):
    given = cluster_of(2)
    ha = replace(given.vips[VIP], ha=ActiveStandby(("d2", "d1")))
    host = FakeDirector(tmp_path, replace(given, vips={VIP: ha}))
    async with running(host) as controller:
        await look(controller, host, {2: {VIP: Lane.ACTIVE}})
        await eventually(lambda: lane(host) == {Lane.STANDBY})
        host.frr.lsdb = Databases(Lsdb((RouterLsa("0.0.0.0", router(1), (), 1),), (), ()))
        await controller.routing.cluster(at_once=True)
        await idle(controller)
        assert lane(host) == {Lane.STANDBY}, "an isolated director knows nothing"
        await look(controller, host, {})
        await controller.reconciler.cycle()
        assert lane(host) == {Lane.ACTIVE}, "nobody announces it, as before, but now that is news"
        await look(controller, host, {2: {VIP: Lane.ACTIVE}})
        await eventually(lambda: lane(host) == {Lane.STANDBY})


async def test_a_drain_that_waited_for_news_goes_on_when_there_is_some(tmp_path):
    host = FakeDirector(tmp_path, cluster_of(2, max_drained=1))
    async with running(host) as controller:
        await look(controller, host, {2: {VIP: Lane.ACTIVE}})
        await controller.intents.set(drain("director", begins=time.time() + 3600))
        clock = controller.store.clock
        controller.store.clock = lambda: clock() + STALE + 1
        controller.intents._clock = lambda: time.time() + 3601
        controller.intents.look()
        await controller.reconciler.cycle()
        assert controller.store.decided[VIP].because.reason is Reason.DRAIN_WAITS
        await look(controller, host, {2: {VIP: Lane.ACTIVE}})
        await controller.reconciler.cycle()
        assert lane(host) == {Lane.DRAINED}, "the same news as before, and fresh"


async def test_a_drain_that_leaves_too_few_is_refused_with_who_announces_what(tmp_path):
    host = FakeDirector(tmp_path, cluster_of(3, min_announcers=2))
    async with running(host) as controller:
        await look(controller, host, {2: {VIP: Lane.ACTIVE}, 3: {VIP: Lane.DRAINED}})
        store = controller.store
        around = store.around()
        refused = refused_drain(drain("director"), store.inventory, around, 0.0, 10.0)
        assert refused.reason is Reason.TOO_FEW_ANNOUNCERS
        assert "10.100.0.1: d2 (active), d3 (drained)" in refused.text
        await look(controller, host, {2: {VIP: Lane.ACTIVE}, 3: {VIP: Lane.STANDBY}})
        around = store.around()
        assert refused_drain(drain("director"), store.inventory, around, 0.0, 10.0) is None


async def test_no_member_begins_to_drain_while_directors_come_and_go(tmp_path):
    host = FakeDirector(tmp_path, cluster_of(3))
    async with running(host) as controller:
        await look(controller, host, {2: {VIP: Lane.ACTIVE}})
        await look(controller, host, {2: {VIP: Lane.ACTIVE}, 3: {VIP: Lane.ACTIVE}})
        store = controller.store
        around = store.around()
        wish = drain(f"member/web/{MEMBER}")
        refused = refused_drain(wish, store.inventory, around, store.cluster_changed_at, 10.0)
        assert refused.reason is Reason.ECMP_CHANGING
        later = replace(around, now=around.now + 11)
        assert refused_drain(wish, store.inventory, later, store.cluster_changed_at, 10.0) is None


async def test_frr_that_announces_what_no_lane_has_is_made_to_forget_it(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        host.engine.down |= {"10.2.0.101:80", "10.2.0.102:80", "10.2.0.103:80"}
        await eventually(lambda: announced(host) == set() and not controller.store.actual.links.announced)
        before = len(host.links.applied)
        ghost = {1: {VIP: Lane.ACTIVE}}
        await look(controller, host, ghost)
        await idle(controller)
        assert len(host.links.applied) == before, "once may be a withdrawal on its way"
        for _ in range(6):
            await look(controller, host, ghost)
        found = [type(step).__name__ for step in host.links.applied[before:]]
        assert found == ["Announce", "Withdraw"] * 3, "and then it is somebody else's"
        assert announced(host) == set()


async def test_the_others_are_looked_at_again_as_soon_as_it_matters(tmp_path):
    host = FakeDirector(tmp_path, cluster_of(2))
    async with running(host) as controller:
        await look(controller, host, {2: {VIP: Lane.ACTIVE}})
        first, clock = controller.store.cluster_view, controller.store.clock
        controller.store.clock = lambda: clock() + DECIDING
        await controller.routing.cluster()
        assert controller.store.cluster_view is first, "nothing hangs on it"
        await controller.intents.set(drain("director"))
        await controller.routing.cluster()
        assert controller.store.cluster_view is not first


@pytest.mark.parametrize("once", [True, False])
async def test_the_first_decision_in_a_maintenance_window_is_a_drain(tmp_path, once):
    host = FakeDirector(tmp_path, cluster_of(2))
    async with running(host):
        assert lane(host) == {Lane.ACTIVE}
    always = Window("updates", ("d1",), "always open", "* * * * *", None, 3600.0)
    host.inventory = replace(host.inventory, maintenance=(always,))
    controller = host.controller()
    if once:
        await controller.run(once=True)
    else:
        task = asyncio.create_task(controller.run())
        await eventually(lambda: controller.ready)
        await eventually(lambda: not controller.store.dirty and not controller.reconciler.lock.locked())
        controller.stop()
        await task
    assert lane(host) == {Lane.DRAINED}
    assert controller.store.decided[VIP].because.text.startswith("updates: always open")
