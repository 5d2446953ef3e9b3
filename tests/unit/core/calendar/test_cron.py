"""crontab(5) in five fields: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

import pytest

from clusterlb.core.calendar.cron import fires, needless, parse
from clusterlb.core.calendar.local_time import CalendarError

SATURDAY = datetime(2026, 11, 21)

MEANT = {
    "a time every day": ("0 3 * * *", ["11-21 03:00", "11-22 03:00"]),
    "a name": ("0 3 * * sun", ["11-22 03:00", "11-29 03:00"]),
    "a name in capitals": ("0 3 * * SUN", ["11-22 03:00", "11-29 03:00"]),
    "0 is Sunday": ("0 3 * * 0", ["11-22 03:00", "11-29 03:00"]),
    "7 is Sunday": ("0 3 * * 7", ["11-22 03:00", "11-29 03:00"]),
    "1 is Monday": ("0 3 * * 1", ["11-23 03:00", "11-30 03:00"]),
    "Sunday begins a week": ("0 3 * * 0-1", ["11-22 03:00", "11-23 03:00", "11-29 03:00"]),
    "Sunday ends a week": ("0 3 * * fri-sun", ["11-21 03:00", "11-22 03:00", "11-27 03:00"]),
    "a list": ("15,45 3 * * sun,wed", ["11-22 03:15", "11-22 03:45", "11-25 03:15"]),
    "a range with steps": ("0 1-7/3 * * *", ["11-21 01:00", "11-21 04:00", "11-21 07:00", "11-22 01:00"]),
    "steps": ("*/20 23 * * *", ["11-21 23:00", "11-21 23:20", "11-21 23:40", "11-22 23:00"]),
    "a month's name": ("0 0 1 dec *", ["12-01 00:00"]),
    "either day": ("0 3 24 * sun", ["11-22 03:00", "11-24 03:00", "11-29 03:00"]),
    "both days behind an asterisk": ("0 3 */2 * sun", ["11-29 03:00"]),
    "white space": ("  0\t3  * * * ", ["11-21 03:00", "11-22 03:00"]),
}
REFUSED = {
    "nothing": ("", "needs five fields"),
    "six fields": ("0 0 3 * * *", "needs five fields"),
    "a macro": ("@daily", "needs five fields"),
    "minute": ("60 3 * * *", "has no minute in `60`"),
    "hour": ("0 24 * * *", "has no hour in `24`"),
    "day": ("0 3 0 * *", "has no day of month in `0`"),
    "month": ("0 3 * 13 *", "has no month in `13`"),
    "weekday": ("0 3 * * 8", "has no day of week in `8`"),
    "a name of another field": ("0 3 * sun *", "has no month in `sun`"),
    "a range with one end": ("0 3- * * *", "has no hour in `3-`"),
    "an empty item": ("0,, 3 * * *", "has no minute in ``"),
    "backwards": ("0 5-3 * * *", "has an empty range of the hour, `5-3`"),
    "a step of none": ("*/0 3 * * *", "has a step of the minute that takes one value or none, `*/0`"),
    "a step too large": ("*/90 3 * * *", "has a step of the minute that takes one value or none, `*/90`"),
    "a step without a range": ("5/10 3 * * *", "has no minute in `5/10`"),
    "apscheduler's own words": ("0 3 last * *", "has no day of month in `last`"),
    "a day that no month has": ("0 3 30 2 *", "never fires"),
    "a day that those months lack": ("0 3 31 4,6,9,11 */2", "never fires"),
}


@pytest.mark.parametrize("name", MEANT)
def test_when_it_fires(name: str) -> None:
    text, expected = MEANT[name]
    found = [f"{time:%m-%d %H:%M}" for time in islice(fires(text, SATURDAY), len(expected))]
    assert found == expected


def test_the_first_time_may_be_the_one_that_is_asked_for() -> None:
    assert next(fires("0 3 * * *", datetime(2026, 11, 21, 3))) == datetime(2026, 11, 21, 3)
    assert next(fires("0 3 * * *", datetime(2026, 11, 21, 3, 0, 1))) == datetime(2026, 11, 22, 3)


def test_a_day_that_is_rare() -> None:
    assert next(fires("0 3 29 2 *", datetime(2096, 3, 1))) == datetime(2104, 2, 29, 3)
    sundays = (time for time in fires("0 3 29 2 */7", SATURDAY))  # an asterisk: both days must match
    assert next(sundays) == datetime(2032, 2, 29, 3)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    text, expected = REFUSED[name]
    with pytest.raises(CalendarError) as raised:
        parse(text)
    assert str(raised.value).startswith(expected)
    assert raised.value.hint


def test_the_calendar_has_a_last_day() -> None:
    assert list(fires("0 3 31 12 *", datetime(9998, 12, 31, 4))) == [datetime(9999, 12, 31, 3)]
    assert list(fires("0 3 1 1 *", datetime(9999, 12, 31))) == []


def test_a_day_that_never_comes_is_told_where_the_weekday_does() -> None:
    assert needless("0 3 31 2 1").startswith("no such month has such a day of the month")
    assert needless("0 3 31 1 1") == ""
