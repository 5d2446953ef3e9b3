"""Maintenance windows: which is open for a director, and which is next.

- A window is open from its start for ``duration`` of elapsed time; its last instant is outside. Two hours are
  two hours on the day on which the clocks change, too.
- A controller that starts while a window is open drains for the rest of it. A window that came and went
  while no controller ran is not made up for.
- A cron time that the clocks leave out (the gap) is taken as if they had not changed yet: 02:30 in Berlin on
  28 March 2027 is 03:30. One that they show twice (the fold) counts once, the first time. apscheduler's
  CronTrigger does the same in the gap and fires twice in the fold, so it is told nothing of time zones.
- Everything follows from ``now`` and nothing is remembered: when the host's clock jumps, either way, the next
  answer is the right one.

``now`` is aware, from 1970 on; what comes back is in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from clusterlb.core.calendar.occurrences import latest_start, next_start
from clusterlb.model.inventory import Window

Occurrence = tuple[Window, datetime, datetime]  # from when, until when


def now_utc() -> datetime:
    """Return the time by the host's clock."""
    return datetime.now(UTC)


def open_window(windows: Iterable[Window], director: str, now: datetime) -> Occurrence | None:
    """Return the window that a director is in, and when it began and ends.

    Of several it is the one that ends last; of one that opens again before it has closed, the last opening.
    """
    found: list[Occurrence] = []
    for window in windows:
        if director in window.directors:
            length = timedelta(seconds=window.duration)
            start = latest_start(window, now - length, now)
            if start is not None:
                found.append((window, start, start + length))
    return max(found, key=lambda occurrence: occurrence[2], default=None)


def next_window(windows: Iterable[Window], director: str, now: datetime) -> Occurrence | None:
    """Return the first window of a director that opens after ``now``, and when it begins and ends."""
    found: list[Occurrence] = [
        (window, start, start + timedelta(seconds=window.duration))
        for window in windows
        if director in window.directors and (start := next_start(window, now)) is not None
    ]
    return min(found, key=lambda occurrence: occurrence[1], default=None)
