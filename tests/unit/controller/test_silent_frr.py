"""How often FRR is asked, and what the controller does while FRR takes its time; on fakes."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from fake_director import VIP, FakeDirector, announced, eventually, inventory, running, weights

from clusterlb.controller import apply
from clusterlb.controller.daemon import ROUTING_EVERY
from clusterlb.controller.status import status
from clusterlb.core.announce import NOWHERE, Decision
from clusterlb.model.director_checks import DirectorChecks
from clusterlb.model.reason import Because, Reason
from tests.support.fake_frr import FakeFrr

MEMBER = "10.2.0.101:80"


class SlowFrr(FakeFrr):
    """Answers the question for its configuration when it is let, with what ran when it was asked."""

    def __init__(self, fast: FakeFrr) -> None:
        super().__init__(fast.lines, fast.adjacent)
        self.asked = 0
        self.let = asyncio.Event()
        self.let.set()

    async def read(self):
        answer = await super().read()
        self.asked += 1
        await self.let.wait()
        return answer


@asynccontextmanager
async def asking(host, controller):
    """Hold FRR's answer back while the block runs."""
    host.frr.let.clear()
    asked = host.frr.asked
    routing = controller.routing
    routing._read_at = routing._asked_at = float("-inf")  # the next look is a full one
    question = asyncio.create_task(routing.health())
    try:
        await eventually(lambda: host.frr.asked > asked)
        yield
        assert not question.done()
    finally:
        host.frr.let.set()
        await question


async def test_a_member_is_taken_out_while_frr_does_not_say_what_it_runs(tmp_path):
    host = FakeDirector(tmp_path)
    host.frr = SlowFrr(host.frr)
    async with running(host) as controller, asking(host, controller):
        host.engine.down.add(MEMBER)
        await eventually(lambda: weights(host)[MEMBER] == 0)


async def test_an_answer_from_before_a_change_is_not_taken_for_what_runs(tmp_path):
    host = FakeDirector(tmp_path)
    host.frr = SlowFrr(host.frr)
    async with running(host) as controller:
        ours = controller.store.frr[-1]
        host.frr.lines = tuple(line for line in host.frr.lines if line != ours)
        async with asking(host, controller):
            controller.store.actual.frr = host.frr.lines
            controller.store.mark_all()
            await eventually(lambda: ours in host.frr.lines)
        assert ours in controller.store.actual.frr


async def test_a_lock_on_frrs_configuration_is_in_the_status_and_waited_out(tmp_path):
    """As at boot, where FRR reads its own file first: members and verdicts do not wait for it."""
    host = FakeDirector(tmp_path)
    host.frr.locked = 2
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    try:
        await eventually(lambda: controller.store.errors)
        [error] = (await status(controller)).errors
        assert "locked by another session" in error
        await eventually(lambda: weights(host)[MEMBER] == 1)
        assert not announced(host)
        await eventually(lambda: announced(host), 15)
        assert (await status(controller)).errors == ()
    finally:
        controller.stop()
        await task


async def test_a_single_run_waits_for_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(apply, "LOCK_POLL", 0.01)
    host = FakeDirector(tmp_path)
    host.frr.locked = 20
    controller = host.controller()
    await controller.run(once=True)
    assert not controller.store.errors
    assert set(controller.store.frr) <= set(host.frr.lines)


class CountedFrr(FakeFrr):
    """Counts the questions after its neighbours and after its configuration."""

    neighbors_asked = 0
    configuration_asked = 0
    databases_asked = 0

    async def neighbors(self, family):
        self.neighbors_asked += 1
        return await super().neighbors(family)

    async def read(self):
        self.configuration_asked += 1
        return await super().read()

    async def databases(self, *, ipv6):
        self.databases_asked += 1
        return await super().databases(ipv6=ipv6)


class Minute:
    """A director whose surveys are made by hand, on a clock of its own."""

    def __init__(self, tmp_path, checks=None, **cluster):
        given = inventory()
        cluster = replace(given.cluster, director_checks=checks or DirectorChecks(), **cluster)
        host = FakeDirector(tmp_path, replace(given, cluster=cluster))
        self.frr = host.frr = CountedFrr(host.frr.lines, host.frr.adjacent)
        self.controller = host.controller()
        self.now = 1000.0
        self.controller.store.clock = lambda: self.now

    async def survey(self, seconds=60.0):
        """Return how often FRR was asked for its neighbours and for its configuration meanwhile."""
        before = self.frr.neighbors_asked, self.frr.configuration_asked
        for _ in range(round(seconds / ROUTING_EVERY)):
            self.now += ROUTING_EVERY
            await self.controller.routing.health()
            await self.controller.routing.cluster()
        return self.frr.neighbors_asked - before[0], self.frr.configuration_asked - before[1]


async def test_a_healthy_frr_is_asked_every_eight_seconds_and_for_everything_every_half_minute(tmp_path):
    minute = Minute(tmp_path)
    await minute.controller.adopt()
    assert await minute.survey(240) == (30, 7)


@pytest.mark.parametrize(
    "checks", [DirectorChecks(ospf_full=1), DirectorChecks(bfd=True)], ids=["ospf_full", "bfd"]
)
async def test_what_decides_is_asked_every_two_seconds(tmp_path, checks):
    minute = Minute(tmp_path, checks)
    await minute.controller.adopt()
    assert (await minute.survey())[0] == 30


async def test_without_a_full_neighbour_frr_is_asked_every_two_seconds_or_at_once_while_a_vip_waits(tmp_path):
    minute = Minute(tmp_path)
    minute.frr.adjacent = ()
    await minute.controller.adopt()
    assert (await minute.survey())[0] == 30
    store = minute.controller.store
    waits = Decision(NOWHERE, Because(Reason.NOT_ADJACENT, "none is Full"))
    store.handle(replace(store.assessment, decided={VIP: waits}))
    assert (await minute.survey())[0] == 60 / ROUTING_EVERY


async def test_a_change_of_links_or_routes_has_frr_asked_soon(tmp_path):
    minute = Minute(tmp_path)
    await minute.controller.adopt()
    assert await minute.survey(2.0) == (0, 0)
    minute.controller.routing.routes_moved()
    assert await minute.survey(2.0) == (1, 0)
    assert await minute.survey(2.0) == (0, 0)


async def test_a_neighbour_that_goes_has_the_configuration_read_at_once(tmp_path):
    minute = Minute(tmp_path)
    await minute.controller.adopt()
    minute.frr.adjacent = ()
    minute.controller.routing.routes_moved()
    assert await minute.survey(2.0) == (1, 1)


@pytest.mark.parametrize(
    ("width", "asked"), [(8, 4), (0, 30)], ids=["for the eyes", "a standby decides by it"]
)
async def test_the_database_is_read_every_fifteen_seconds_or_two_where_it_decides(tmp_path, width, asked):
    minute = Minute(tmp_path, max_active=width)
    await minute.controller.adopt()
    await minute.survey(2.0)
    minute.frr.databases_asked = 0
    await minute.survey()
    assert minute.frr.databases_asked == asked
