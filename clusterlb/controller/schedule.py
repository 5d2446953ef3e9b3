"""What happens at set times, on APScheduler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger


class Schedule:
    """Runs coroutines at intervals; one that is late runs once, and never beside itself."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Run ``work`` every so many seconds."""
        self._scheduler.add_job(work, IntervalTrigger(seconds=seconds))

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """End without waiting for work under way."""
        self._scheduler.shutdown(wait=False)
