"""An event loop whose time passes only while nothing is to be done, and a wall clock that can be set.

APScheduler is the real one: it reads the wall clock here.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")
MOMENT = 1e-8  # seconds that a turn of the loop takes; asyncio fires timers 1e-9 s early


class _Selector(selectors.SelectSelector):
    """Waits for nothing: what it would wait, the loop's time goes on by."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        self.loop.now += MOMENT  # else a timer that fires early and sets itself again does so for ever
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that is always right on time."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 1000.0  # seconds of the monotonic clock
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Call a function here and now: a thread would take real time, of which the loop has none."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            done.set_exception(error)
        return done


class Clock:
    """The host's clocks in a virtual loop: the monotonic one, and the wall clock, which ``jump`` sets."""

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._ahead = start.timestamp() - loop.now

    def monotonic(self) -> float:
        return self._loop.now

    def time(self) -> float:
        return self._loop.now + self._ahead

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._ahead += seconds

    @property
    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)


@contextmanager
def clocks(loop: VirtualLoop, start: datetime) -> Iterator[Clock]:
    """Have the schedule and APScheduler go by the clocks of a loop, the wall clock from ``start`` on."""
    clock = Clock(loop, start)

    class Datetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(clock.time(), tz)

    with (
        patch("apscheduler.schedulers.base.datetime", Datetime),
        patch("clusterlb.controller.schedule.time", clock),
    ):
        yield clock


def run(work: Callable[[Clock], Coroutine[Any, Any, T]], start: datetime) -> T:
    """Run a coroutine from a time of the wall clock on; what the schedule goes by is its ``Clock``."""
    loop = VirtualLoop()
    with clocks(loop, start) as clock, asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(clock))
