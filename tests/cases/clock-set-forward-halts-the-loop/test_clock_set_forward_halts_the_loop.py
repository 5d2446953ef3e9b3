"""Work is counted in calls, not in time; the clock is a virtual one."""

from __future__ import annotations

import asyncio
import sys

import pytest
from dated import utc
from virtual_time import Clock, run

from clusterlb.controller.schedule import Schedule

MOST = 10_000  # calls for two seconds of looks and a jump; each second that was jumped over made dozens


@pytest.mark.parametrize("days", [1, 365, 20_000])
def test_a_jump_costs_little_and_the_looks_go_on(days: int) -> None:
    calls = looks = 0

    def count(_frame, event, _argument) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def look() -> None:
        nonlocal looks
        looks += 1

    async def scene(clock: Clock) -> None:
        schedule = Schedule(lambda: None)
        schedule.every(0.5, look)
        schedule.start()
        await asyncio.sleep(1.1)
        assert looks == 2
        sys.setprofile(count)
        try:
            clock.jump(days * 86400.0)
            await asyncio.sleep(2)
        finally:
            sys.setprofile(None)
        schedule.stop()
        await asyncio.sleep(0)

    run(scene, utc("1970-01-02 00:00"))
    assert 2 + 3 <= looks <= 2 + 5
    assert calls < MOST
