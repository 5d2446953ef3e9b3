"""Local time: what a clock on the wall shows in a time zone, as datetimes without one, and UTC.

A change of the clocks leaves times out (the gap) and shows others twice (the fold). A time in the gap is
taken as if the clocks had not changed yet: 02:30 on the day that jumps from 02:00 to 03:00 is 03:30. Of a
time that comes twice, the first is taken. (PEP 495, with ``fold`` 0.)
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import count
from zoneinfo import ZoneInfo, available_timezones

LARGEST_CHANGE = timedelta(days=1)  # of a clock: Samoa left out 30 December 2011
_MINUTE = timedelta(minutes=1)
# IANA's names; what else lies in a host's database (`localtime`, `right/`) differs from host to host
_NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")


class CalendarError(ValueError):
    """A text that is no time, or none that ever comes; ``hint`` says what to write instead."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@cache
def zone(name: str) -> tzinfo:
    """Return a time zone by its IANA name; UTC is there on every host. Raises CalendarError."""
    if name == "UTC":
        return UTC
    try:
        if _NAME.fullmatch(name):
            return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there, no such path, a folder such as `Europe`
        pass
    raise CalendarError("is no time zone that this host knows", _hint(name))


def instant(wall: datetime, there: tzinfo) -> datetime:
    """Return when a clock shows a time, in UTC."""
    return wall.replace(tzinfo=there, fold=0).astimezone(UTC)


def shown(moment: datetime, there: tzinfo) -> datetime:
    """Return what the clock shows at a moment."""
    return moment.astimezone(there).replace(tzinfo=None, fold=0)


def exists(wall: datetime, there: tzinfo) -> bool:
    """Say whether the clock ever shows a time."""
    return shown(instant(wall, there), there) == wall


def comes_twice(wall: datetime, there: tzinfo) -> bool:
    """Say whether the clock shows a time twice."""
    second = wall.replace(tzinfo=there, fold=1).astimezone(UTC)
    return exists(wall, there) and second != instant(wall, there)


def nearest(wall: datetime, there: tzinfo) -> datetime:
    """Return the time nearest to one in the gap that the clock does show, to the minute."""
    times = (wall + sign * minutes * _MINUTE for minutes in count(1) for sign in (1, -1))
    return next(time for time in times if exists(time, there))


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def _hint(name: str) -> str:
    if not _names():
        return "this host has no time zone database: install tzdata, or write UTC"
    close = difflib.get_close_matches(name[:60], _names(), n=1)
    return f"did you mean `{close[0]}`?" if close else "write an IANA name such as `Europe/Berlin`, or UTC"
