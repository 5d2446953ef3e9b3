"""Maintenance windows: when one opens, which is open for a director, and which is next.

- A window is open from its start for ``duration`` of elapsed time; its last instant is outside. Two hours are
  two hours on the day on which the clocks change, too.
- A controller that starts while a window is open drains for the rest of it. A window that came and went
  while no controller ran is not made up for.
- A cron time that the clocks leave out (the gap) is taken as if they had not changed yet: 02:30 in Berlin on
  28 March 2027 is 03:30. One that they show twice (the fold) counts once, the first time. apscheduler's
  CronTrigger does the same in the gap and fires twice in the fold, so it is given dates and no expressions.
- Everything follows from ``now`` and nothing is remembered: when the host's clock jumps, either way, the next
  answer is the right one.

``now`` is aware, from 1970 on; what comes back is in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import NamedTuple

from clusterlb.core.calendar.cron import days, fires
from clusterlb.core.calendar.local_time import LARGEST_CHANGE, instant, shown, zone
from clusterlb.model.inventory import Window

_NEAR = timedelta(hours=1)


class Occurrence(NamedTuple):
    """One opening of a window."""

    window: Window
    begins: datetime
    ends: datetime


def open_window(windows: Iterable[Window], director: str, now: datetime) -> Occurrence | None:
    """Return the window that a director is in, and when it began and ends.

    Of several it is the one that ends last; of one that opens again before it has closed, the last opening.
    """
    opened = (_opened(window, now) for window in windows if director in window.directors)
    return max(filter(None, opened), key=lambda occurrence: occurrence.ends, default=None)


def next_window(windows: Iterable[Window], director: str, now: datetime) -> Occurrence | None:
    """Return the first window of a director that opens after ``now``, and when it begins and ends."""
    following = (_next(window, now) for window in windows if director in window.directors)
    return min(filter(None, following), key=lambda occurrence: occurrence.begins, default=None)


def next_change(window: Window, now: datetime) -> datetime | None:
    """Return the first moment after ``now`` at which a window opens, opens again or closes; None for never.

    Up to then nothing that ``open_window`` says of it changes.
    """
    opened, following = _opened(window, now), _next(window, now)
    moments = (opened and opened.ends, following and following.begins)
    return min(filter(None, moments), default=None)


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


def _opened(window: Window, now: datetime) -> Occurrence | None:
    """Return the last opening of a window that is still open."""
    length = timedelta(seconds=window.duration)
    # mostly the last start is near, where a window opens again and again
    for since in (max(now - length, now - _NEAR), now - length):
        if found := starts(window, since, now):
            return Occurrence(window, found[-1], found[-1] + length)
    return None


def _next(window: Window, now: datetime) -> Occurrence | None:
    """Return the first opening of a window after ``now``."""
    there, length = zone(window.zone), timedelta(seconds=window.duration)
    for wall in _local_times(window, shown(now, there) - LARGEST_CHANGE):
        if (start := instant(wall, there)) > now:
            begins = starts(window, now, start)[0]
            return Occurrence(window, begins, begins + length)
    return None


def _local_times(window: Window, first: datetime) -> Iterator[datetime]:
    """Return a window's starts as the clock of its time zone shows them, from ``first`` on."""
    if window.cron is not None:
        return fires(window.cron, first)
    return (midnight + after for midnight, times in _days(window, first) for after in times)


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
