"""What happens at set times: the looks, again and again, and what has a date, on APScheduler.

- A look goes by the monotonic clock, which nobody sets. APScheduler's intervals go by the wall clock: set
  back, they wait until it is again what it was; set forward, they name each time that is left out.
- A date is when an intent or a maintenance window begins or ends. Its job does not say what to do: whichever
  comes, ``due`` works out from the clock what is in force now. So a date that comes late, twice, or in
  another order than it should does no harm; only one that never comes would.
- The dates are set anew each time that this was worked out, so they are always those after the last time. One
  that stays is left alone: there may be thousands.
- Each date is a job under an id that is never used again: APScheduler leaves a job out while one with its id
  still runs.
- APScheduler reads the wall clock only when it wakes, and sleeps by the monotonic one: so it is woken twice a
  second. When the clock is set, something else is in force at once, and no job knows: so ``due`` is called.
- That the clock was set is seen by comparing it with the monotonic one: twice a second, and each time that
  dates are set, for what was worked out while the clock was wrong must not stand when it is right again
  before the next comparison.

No look at the calendar is needed beside that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

STEP = 0.25  # seconds that a clock must have jumped to count as set, not as slewed (adjtime(3): 0.5 ms/s)
LOOK_EVERY = 0.5
RETRY = 60.0  # seconds after which what failed at its date is tried again
ROUNDED = timedelta(microseconds=1)  # of a date, at most; one that came before its time would find nothing

log = structlog.get_logger()


class Schedule:
    """Runs coroutines at intervals; calls ``due`` at the start, at dates, and when the clock was set.

    What recurs and is late runs once, and never beside itself.
    """

    def __init__(self, due: Callable[[], None]) -> None:
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"misfire_grace_time": None})
        self._due = due
        self._recurs: list[asyncio.Task[None]] = []
        self._dates: dict[tuple[str, float], Any] = {}
        self._ahead = _ahead()

    def every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Run ``work`` every so many seconds; needs a running event loop."""
        self._recurs.append(asyncio.create_task(_repeat(seconds, work)))

    def at(self, dates: Iterable[tuple[str, float]]) -> None:
        """Call ``due`` at these times, each with a name, and at no others that were given before."""
        wanted = set(dates)
        for date in self._dates.keys() - wanted:
            with suppress(JobLookupError):  # its time has come: it is about to run
                self._dates.pop(date).remove()
        for date in wanted - self._dates.keys():
            self._add(*date)
        self._compare()

    def start(self) -> None:
        """Begin, with what is due now; needs a running event loop."""
        self._scheduler.start()
        self.every(LOOK_EVERY, self._look)
        self._do()

    def stop(self) -> None:
        """End without waiting for work under way."""
        for task in self._recurs:
            task.cancel()
        self._scheduler.shutdown(wait=False)

    def _add(self, name: str, moment: float) -> None:
        trigger = DateTrigger(datetime.fromtimestamp(moment, UTC) + ROUNDED)
        run = partial(self._run, (name, moment))
        self._dates[name, moment] = self._scheduler.add_job(run, trigger, name=name)

    async def _run(self, date: tuple[str, float]) -> None:
        self._dates.pop(date, None)
        self._do()

    def _do(self) -> None:
        """Do what is due; when that fails, again a while later, for it sets no dates then."""
        self._add("what failed", time.time() + RETRY)
        self._due()

    async def _look(self) -> None:
        self._scheduler.wakeup()
        self._compare()

    def _compare(self) -> None:
        """Have done what is due when the clock was set since the last comparison."""
        before, self._ahead = self._ahead, _ahead()
        jump = self._ahead - before
        if abs(jump) < STEP:
            return
        log.warning("the clock was set " + ("back" if jump < 0 else "forward"), seconds=round(abs(jump), 1))
        asyncio.get_running_loop().call_soon(self._do)  # not within what is setting dates


async def _repeat(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    loop = asyncio.get_running_loop()
    next_time = loop.time()
    while True:
        next_time = max(next_time + seconds, loop.time())
        await asyncio.sleep(next_time - loop.time())
        try:
            await work()
        except Exception:
            logging.getLogger(__name__).exception("a look failed")  # with the traceback


def _ahead() -> float:
    return time.time() - time.monotonic()
