"""When a maintenance window begins: its local times in UTC, on either side of a change of the clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice, takewhile

from clusterlb.config.cron import fires
from clusterlb.config.local_time import LARGEST_CHANGE, instant, shown, zone
from clusterlb.model.inventory import Window


def starts(window: Window, since: datetime, until: datetime, most: int | None = None) -> list[datetime]:
    """Return a window's starts after ``since``, up to ``until`` and with it; all in UTC, in their order.

    Local times need not come in the order of UTC where the clocks change, so a larger stretch is looked at:
    all of it, or the first ``most`` local times.
    """
    there = zone(window.zone)
    last = shown(until, there) + LARGEST_CHANGE
    times = takewhile(lambda time: time <= last, local_times(window, shown(since, there) - LARGEST_CHANGE))
    found = {instant(time, there) for time in islice(times, most)}
    return sorted(start for start in found if since < start <= until)


def next_start(window: Window, now: datetime) -> datetime | None:
    """Return a window's first start after ``now``, in UTC; None when there is none any more."""
    there = zone(window.zone)
    for time in local_times(window, shown(now, there) - LARGEST_CHANGE):
        if instant(time, there) > now:
            return starts(window, now, instant(time, there))[0]
    return None


def local_times(window: Window, first: datetime) -> Iterator[datetime]:
    """Yield a window's starts as the clock of its time zone shows them, from ``first`` on."""
    if window.cron is not None:
        yield from fires(window.cron, first)
    elif window.at is not None and (at := datetime.fromisoformat(window.at)) >= first:
        yield at
