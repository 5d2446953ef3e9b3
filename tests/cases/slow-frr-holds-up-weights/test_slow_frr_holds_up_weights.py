"""FRR takes its time for a change of its configuration; meanwhile members die."""

from __future__ import annotations

import asyncio

from fake_director import VIP, FakeDirector, announced, eventually, inventory, running, take_over, weights

from tests.support.fake_frr import FakeFrr

MEMBERS = [f"10.2.0.10{n}:80" for n in (1, 2, 3)]


class SlowFrr(FakeFrr):
    """Takes a change when it is let."""

    def __init__(self, fast: FakeFrr) -> None:
        super().__init__(fast.lines, fast.adjacent)
        self.let = asyncio.Event()
        self.let.set()
        self.asked = 0

    async def configure(self, add, remove):
        self.asked += 1
        await self.let.wait()
        return await super().configure(add, remove)


async def test_weights_withdrawals_and_the_watchdog_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    host = FakeDirector(tmp_path)
    host.frr = SlowFrr(host.frr)
    async with running(host) as controller:
        fed = []
        controller.notify = lambda **facts: fed.append(facts)
        host.frr.let.clear()
        asked, store = host.frr.asked, controller.store
        given = inventory(digest="2", hello=2.0, dead=8.0)
        take_over(store, given)
        await eventually(lambda: host.frr.asked > asked)
        host.engine.down.add(MEMBERS[0])
        await eventually(lambda: weights(host)[MEMBERS[0]] == 0)
        before = len(fed)
        await eventually(lambda: len(fed) > before + 3)
        assert announced(host) == {VIP}
        host.engine.down.update(MEMBERS)
        await eventually(lambda: not announced(host))
        assert host.frr.asked == asked + 1
        assert lines_with(host, "hello-interval 2") == []
        host.frr.let.set()
        host.engine.down.clear()
        await eventually(lambda: announced(host) == {VIP})
        await eventually(lambda: not controller.reconciler.plan())
    assert lines_with(host, "hello-interval 2")


def lines_with(host, text):
    return [line for line in host.frr.lines if text in line.text]
