"""A member that was drained and has left the table, and a controller that is started again."""

from __future__ import annotations

from fake_director import FakeDirector, eventually, running, unheard, weights
from intents import drain

MEMBER = "10.2.0.101:80"


async def test_what_has_drained_stays_out(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        wish = drain(f"member/web/{MEMBER}")
        await controller.intents.set(wish)
        await eventually(lambda: MEMBER not in weights(host))
    mark = len(host.ipvs.applied)
    async with unheard(host):
        assert host.ipvs.applied[mark:] == []
    async with running(host) as controller:
        await controller.drains.look()
        assert host.ipvs.applied[mark:] == []
        assert len(controller.store.draining.gone) == 1
        controller.intents.clear(*wish.name)
        await eventually(lambda: weights(host).get(MEMBER) == 1)
    assert list(weights(host)) == [MEMBER, "10.2.0.102:80", "10.2.0.103:80"]
