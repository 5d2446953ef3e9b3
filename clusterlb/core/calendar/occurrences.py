"""When a maintenance window begins: its local times in UTC, on either side of a change of the clocks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta, tzinfo

from clusterlb.core.calendar.cron import days
from clusterlb.core.calendar.local_time import LARGEST_CHANGE, instant, shown, zone
from clusterlb.model.inventory import Window

_NEAR = timedelta(hours=1)


def starts(window: Window, since: datetime, until: datetime) -> list[datetime]:
    """Return a window's starts after ``since``, up to ``until`` and with it; all in UTC, in their order.

    Local times need not come in the order of UTC where the clocks change, so a larger stretch is looked at.
    """
    there = zone(window.zone)
    first, last = shown(since, there) - LARGEST_CHANGE, shown(until, there) + LARGEST_CHANGE
    found: set[datetime] = set()
    for midnight, times in _days(window, first):
        if midnight > last:
            break
        found.update(_instants(midnight, times, there))
    return sorted(start for start in found if since < start <= until)


def latest_start(window: Window, since: datetime, until: datetime) -> datetime | None:
    """Return the last of a window's starts after ``since``, up to ``until`` and with it; None for none."""
    for begin in (
        max(since, until - _NEAR),
        since,
    ):  # mostly it is near, where a window opens again and again
        found = starts(window, begin, until)
        if found:
            return found[-1]
    return None


def next_start(window: Window, now: datetime) -> datetime | None:
    """Return a window's first start after ``now``, in UTC; None when there is none any more."""
    there = zone(window.zone)
    for wall in local_times(window, shown(now, there) - LARGEST_CHANGE):
        if instant(wall, there) > now:
            return starts(window, now, instant(wall, there))[0]
    return None


def local_times(window: Window, first: datetime) -> Iterator[datetime]:
    """Yield a window's starts as the clock of its time zone shows them, from ``first`` on."""
    for midnight, times in _days(window, first):
        yield from (midnight + after for after in times[bisect_left(times, first - midnight) :])


def _days(window: Window, first: datetime) -> Iterator[tuple[datetime, tuple[timedelta, ...]]]:
    """Yield the days on which a window opens, from that of ``first`` on, with the times of the day."""
    if window.cron is not None:
        yield from days(window.cron, first)
    elif window.at is not None and (at := datetime.fromisoformat(window.at)) >= first:
        midnight = datetime.combine(at, time.min)
        yield midnight, (at - midnight,)


def _instants(midnight: datetime, times: Sequence[timedelta], there: tzinfo) -> Iterator[datetime]:
    """Return the times of a day in UTC: at once where the clocks stand as they do all day long."""
    hours = [midnight.replace(tzinfo=there) + timedelta(hours=hour) for hour in range(-1, 26)]
    if len(times) > len(hours) and len({hour.utcoffset() for hour in hours}) == 1:
        begin = instant(midnight, there)
        return (begin + after for after in times)
    return (instant(midnight + after, there) for after in times)
