"""Others that change what is ours: once, and again and again."""

from __future__ import annotations

import pytest
from fake_director import VIP, FakeDirector, eventually, idle, running, weights
from structlog.testing import capture_logs

from clusterlb.controller.judgement import troubles
from clusterlb.controller.status import status
from clusterlb.controller.store.drift import RARELY
from clusterlb.core.rivalry import OFTEN, WINDOW

pytestmark = pytest.mark.behaviour

SERVICE = f"tcp {VIP}:80"
PUT_RIGHT, RIVALS = "changed by others, putting it right", "others keep changing IPVS"


async def look(controller):
    """Read the services now, however long the last reading took."""
    controller.readings._services_not_before = 0.0
    await controller.readings.services()


async def emptied(host, controller, times):
    """Have somebody empty IPVS so often, each time that it is as it should be."""
    for _ in range(times):
        host.ipvs.flush()
        await look(controller)
        await eventually(lambda: host.ipvs.read() and len(weights(host)) == 3)
        await idle(controller)


async def test_who_empties_ipvs_again_and_again_is_reported_until_it_is_over(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        drift, now = controller.store.drift, 1000.0
        drift.clock = lambda: now
        with capture_logs() as lines:
            await emptied(host, controller, OFTEN - 1)
            assert (await status(controller)).rivals == ""
            assert not troubles(await status(controller))
            await emptied(host, controller, 4)
        seen = await status(controller)
        assert troubles(seen)
        assert f"{OFTEN + 3} times within 5 min, last {SERVICE}" in seen.rivals
        assert seen.counts["ipvs_repairs"] == OFTEN + 3
        assert seen.counts["drift"] == OFTEN + 3
        assert [line["event"] for line in lines if line["event"] in (PUT_RIGHT, RIVALS)] == [
            *[PUT_RIGHT] * (OFTEN - 1),
            RIVALS,
            PUT_RIGHT,  # and the last ones are silent
        ]
        now += RARELY
        with capture_logs() as lines:
            await emptied(host, controller, 2)
        assert [line["event"] for line in lines].count(PUT_RIGHT) == 1
        now += WINDOW
        await look(controller)
        assert (await status(controller)).rivals == ""
