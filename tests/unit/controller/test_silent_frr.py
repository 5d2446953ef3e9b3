"""FRR that takes its time: what the controller does meanwhile; on fakes, through its real loop."""

import asyncio
from contextlib import asynccontextmanager

from fake_director import FakeDirector, announced, eventually, running, weights

from clusterlb.controller import apply
from clusterlb.controller.status import status
from clusterlb.drivers.frr.fake import FakeFrr

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
    controller.readings._frr_polls = -1  # the next look is a full one
    controller.readings._frr_not_before = 0.0
    question = asyncio.create_task(controller.readings.frr_health())
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
        ours = controller.world.frr[-1]
        host.frr.lines = tuple(line for line in host.frr.lines if line != ours)
        async with asking(host, controller):
            controller.world.actual.frr = host.frr.lines
            controller.world.mark_all()
            await eventually(lambda: ours in host.frr.lines)
        assert ours in controller.world.actual.frr


async def test_a_lock_on_frrs_configuration_is_in_the_status_and_waited_out(tmp_path):
    """As at boot, where FRR reads its own file first: members and verdicts do not wait for it."""
    host = FakeDirector(tmp_path)
    host.frr.locked = 2
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    try:
        await eventually(lambda: controller.world.errors)
        [error] = (await status(controller))["errors"]
        assert "locked by another session" in error
        await eventually(lambda: weights(host)[MEMBER] == 1)
        assert not announced(host)
        await eventually(lambda: announced(host), 15)
        assert (await status(controller))["errors"] == []
    finally:
        controller.stop()
        await task


async def test_a_single_run_waits_for_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(apply, "LOCK_POLL", 0.01)
    host = FakeDirector(tmp_path)
    host.frr.locked = 20
    controller = host.controller()
    await controller.run(once=True)
    assert not controller.world.errors
    assert set(controller.world.wanted_frr) <= set(host.frr.lines)
