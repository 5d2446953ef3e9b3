"""Look at something ten times a second; set the clock as the arguments say, and wait for three looks more."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from clusterlb.controller import schedule

SHIFT = Path(os.environ["CLOCK_SHIFT"])
PATIENCE = 20.0  # seconds of the monotonic clock for three looks


def set_clock(seconds: int) -> None:
    before = datetime.now(UTC)
    was = int(SHIFT.read_text())
    SHIFT.write_text(str(seconds))
    moved = (datetime.now(UTC) - before).total_seconds()
    assert abs(moved - (seconds - was)) < 60, "the clock was not set"


async def main(steps: list[int]) -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    async def more() -> None:
        before, end = looks, time.monotonic() + PATIENCE
        while looks < before + 3:
            assert time.monotonic() < end, f"no look in {PATIENCE:.0f} s"
            await asyncio.sleep(0.01)

    ticking = schedule.Schedule(lambda: None)
    ticking.every(0.1, look)
    ticking.start()
    await more()
    for step in steps:
        for shift in (step, 0):
            set_clock(shift)
            await more()
    ticking.stop()


schedule.LOOK_EVERY = 0.05
asyncio.run(main([int(step) for step in sys.argv[1:]]))
