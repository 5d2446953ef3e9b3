"""What happens at set times, on APScheduler."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

STEP = 0.25  # seconds that a clock must have gone back to count as set, not as slewed (adjtime(3): 0.5 ms/s)
LOOK_EVERY = 0.5

log = structlog.get_logger()


class Schedule:
    """Runs coroutines at intervals; one that is late runs once, and never beside itself.

    APScheduler goes by the wall clock. When that is set back, all that is due then would wait until it is
    again what it was: so the intervals begin anew.
    """

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._ahead = 0.0
        self._next_look: asyncio.TimerHandle | None = None

    def every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Run ``work`` every so many seconds."""
        self._scheduler.add_job(work, IntervalTrigger(seconds=seconds))

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.start()
        self._ahead = _ahead()
        self._look()

    def stop(self) -> None:
        """End without waiting for work under way."""
        if self._next_look is not None:
            self._next_look.cancel()
        self._scheduler.shutdown(wait=False)

    def _look(self) -> None:
        """Look whether the wall clock has gone back against the monotonic one, which nobody sets."""
        before, self._ahead = self._ahead, _ahead()
        if self._ahead < before - STEP:
            log.warning("the clock was set back", seconds=round(before - self._ahead, 1))
            for job in self._scheduler.get_jobs():
                job.reschedule(IntervalTrigger(seconds=job.trigger.interval.total_seconds()))
        self._next_look = asyncio.get_running_loop().call_later(LOOK_EVERY, self._look)


def _ahead() -> float:
    return time.time() - time.monotonic()
