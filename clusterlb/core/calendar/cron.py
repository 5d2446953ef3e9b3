"""The five fields of crontab(5): minute, hour, day of month, month, day of week."""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Collection, Iterator
from datetime import MAXYEAR, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from clusterlb.core.calendar.local_time import CalendarError

_PART = re.compile(r"(?:\*|([a-z]+|[0-9]{1,2})(?:-([a-z]+|[0-9]{1,2}))?)(?:/([0-9]{1,2}))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class _Field(NamedTuple):
    """What a field is called, its bounds, and the names of its values from the lower bound on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _DAYS),  # 0 and 7 are Sunday
)


class Cron(NamedTuple):
    """When a clock on the wall fires. ``either``: a day of the month or of the week is enough, not both."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def has_day(self, day: int, weekday: int) -> bool:
        """Say whether a day of one of the months counts; ``weekday`` 0 is Sunday."""
        of_month, of_week = day in self.days, weekday in self.weekdays
        return of_month or of_week if self.either else of_month and of_week


@lru_cache(maxsize=256)
def parse(text: str) -> Cron:
    """Return the meaning of an expression; raises CalendarError.

    crontab(5): a field is ``*``, a value, a range, or a list of these; ``/n`` behind ``*`` or a range takes
    each n-th. With both day fields restricted (neither begins with ``*``) either of them is enough.
    """
    fields = text.lower().split()
    if len(fields) != len(_FIELDS):
        raise CalendarError(
            "needs five fields", "minute, hour, day of month, month, day of week: `0 3 * * sun`"
        )
    minutes, hours, month_days, months, weekdays = map(_values, _FIELDS, fields)
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    if not either and _never(month_days, months):
        raise CalendarError("never fires", "no such month has such a day")
    return Cron(minutes, hours, month_days, months, frozenset(day % 7 for day in weekdays), either)


def needless(text: str) -> str:
    """Say which part of an expression that fires never does; empty when each does."""
    cron = parse(text)
    if cron.either and _never(cron.days, cron.months):
        return "no such month has such a day of the month, so the days of the week alone count"
    return ""


def fires(text: str, first: datetime) -> Iterator[datetime]:
    """Yield the times at which an expression fires, from ``first`` on, on a clock that is never changed."""
    for midnight, times in days(text, first):
        begin = bisect_left(times, first - midnight)
        yield from (midnight + time for time in times[begin:])


def days(text: str, first: datetime) -> Iterator[tuple[datetime, tuple[timedelta, ...]]]:
    """Yield the days on which an expression fires, from that of ``first`` on, each with its times."""
    cron, times = parse(text), _times(text)
    for year in range(first.year, MAXYEAR + 1):
        for month in sorted(cron.months):
            if (year, month) < (first.year, first.month):
                continue
            begin = first.day if (year, month) == (first.year, first.month) else 1
            weekday, length = monthrange(year, month)  # of the first day, where 0 is Monday
            for day in range(begin, length + 1):
                if cron.has_day(day, (weekday + day) % 7):
                    yield datetime(year, month, day), times


@lru_cache(maxsize=256)
def _times(text: str) -> tuple[timedelta, ...]:
    """Return the times of a day on which an expression fires."""
    cron = parse(text)
    return tuple(timedelta(hours=h, minutes=m) for h in sorted(cron.hours) for m in sorted(cron.minutes))


def _never(days: Collection[int], months: Collection[int]) -> bool:
    """Say whether none of these months ever has one of these days."""
    return all(day > _LONGEST[month - 1] for month in months for day in days)


def _values(field: _Field, text: str) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _part(field, part))


def _part(field: _Field, text: str) -> range:
    match = _PART.fullmatch(text)
    if match is None or (match[3] and match[1] and not match[2]):
        raise CalendarError(f"has no {field.name} in `{text[:60]}`", _hint(field))
    low = field.low if match[1] is None else _value(field, match[1])
    high = field.high if match[1] is None else _value(field, match[2] or match[1])
    if match[2] == "sun" and low > high:
        high = field.high  # Sunday ends a week as well as it begins one
    if low > high:
        raise CalendarError(f"has an empty range of the {field.name}, `{text}`", "write the lower end first")
    step = int(match[3] or 1)
    if not 0 < step <= max(high - low, 1):
        raise CalendarError(
            f"has a step of the {field.name} that takes one value or none, `{text}`", _hint(field)
        )
    return range(low, high + 1, step)


def _value(field: _Field, text: str) -> int:
    if text in field.names:
        return field.low + field.names.index(text)
    if not text.isdecimal() or not field.low <= int(text) <= field.high:
        raise CalendarError(f"has no {field.name} in `{text}`", _hint(field))
    return int(text)


def _hint(field: _Field) -> str:
    names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
    return f"from {field.low} to {field.high}{names}, each written as `*`, `1`, `1-5`, `1,5` or `*/2`"
