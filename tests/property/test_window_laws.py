"""Maintenance windows against a clock that is watched minute by minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.calendar.cron import parse
from clusterlb.core.calendar.local_time import CalendarError, zone
from clusterlb.core.calendar.windows import next_window, open_window
from clusterlb.model.inventory import Window

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
CHANGES = {  # of the clocks, by zone
    "UTC": ["2026-11-22 00:00"],
    "Europe/Berlin": ["2026-10-25 01:00", "2027-03-28 01:00"],
    "Australia/Lord_Howe": ["2026-10-03 15:30", "2027-04-03 15:00"],
    "America/New_York": ["2026-11-01 06:00", "2027-03-14 07:00"],
    "Pacific/Apia": ["2011-12-30 10:00"],  # a whole day left out
    "Asia/Kathmandu": ["1985-12-31 18:30"],  # 15 minutes, for good
}
CRONS = ["30 2 * * *", "15 2 * * sun", "0,20,45 1-3 * * *", "*/30 * * * *", "0 3 1 * *", "0 0 29 2 *"]
CRONS += ["5 0,12 */2 * mon-fri", "59 23 * * *", "0 2 25 * sun", "0 * * * *"]

aware = st.datetimes(datetime(1970, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC))
fields = st.sampled_from(["*", "0", "7", "1-5", "*/2", "12,29", "31", "2"])
any_cron = st.lists(fields, min_size=5, max_size=5).map(" ".join)


@st.composite
def near_a_change(draw: st.DrawFn) -> tuple[Window, datetime]:
    """A window, and a moment within a day of a change of its clocks."""
    name = draw(st.sampled_from(sorted(CHANGES)))
    change = datetime.fromisoformat(draw(st.sampled_from(CHANGES[name]))).replace(tzinfo=UTC)
    now = change + timedelta(seconds=draw(st.integers(-86400, 86400)))
    length = draw(st.sampled_from([60.0, 1800.0, 7200.0, 86400.0]))
    return Window("w", ("d1",), "test", draw(st.sampled_from(CRONS)), None, length, name), now


def watched(window: Window, since: datetime, until: datetime) -> Iterator[datetime]:
    """Watch the clock on the wall from minute to minute, and yield the starts as it shows them.

    A time counts when it is shown first. Where the clock jumps over times, they come as if it had not.
    """
    assert window.cron is not None
    cron, there = parse(window.cron), zone(window.zone)

    def fires(wall: datetime) -> bool:
        day, weekday = wall.day in cron.days, wall.isoweekday() % 7 in cron.weekdays
        days = (day or weekday) if cron.either else (day and weekday)
        return days and wall.month in cron.months and wall.hour in cron.hours and wall.minute in cron.minutes

    moment = since - DAY
    latest = (moment - MINUTE).astimezone(there).replace(tzinfo=None)
    while moment <= until:
        wall, delay = moment.astimezone(there).replace(tzinfo=None), moment
        while latest < wall:
            latest += MINUTE
            if fires(latest):
                yield moment if latest == wall else delay
            delay += MINUTE
        moment += MINUTE


@given(near_a_change())
def test_what_is_open_is_what_was_seen_to_open(case: tuple[Window, datetime]) -> None:
    window, now = case
    length = timedelta(seconds=window.duration)
    since = (now - length).replace(second=0)
    begun = [start for start in watched(window, since, now) if start <= now < start + length]
    found = open_window((window,), "d1", now)
    assert found == ((window, max(begun), max(begun) + length) if begun else None)


@given(near_a_change())
def test_what_is_next_is_what_is_seen_next(case: tuple[Window, datetime]) -> None:
    window, now = case
    until = now + 2 * DAY
    seen = [start for start in watched(window, now.replace(second=0), until) if now < start <= until]
    found = next_window((window,), "d1", now)
    assert found is not None
    assert found[1] == min(seen) if seen else found[1] > until
    assert open_window((window,), "d1", found[1]) == found


@given(
    any_cron,
    aware,
    st.floats(60, 604800),
    st.sampled_from([*CHANGES, "Africa/Monrovia", "Pacific/Kwajalein"]),
)
def test_there_is_always_an_answer(cron: str, now: datetime, length: float, name: str) -> None:
    try:
        parse(cron)
    except CalendarError:
        return
    window = Window("w", ("d1",), "test", cron, None, length, name)
    found = open_window((window,), "d1", now)
    assert found is None or found[1] <= now < found[2]
    following = next_window((window,), "d1", now)
    assert following is None or now < following[1]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), aware, st.sampled_from(sorted(CHANGES)))
def test_a_one_off_opens_once(at: datetime, now: datetime, name: str) -> None:
    window = Window("w", ("d1",), "test", None, at.isoformat(timespec="minutes"), 3600.0, name)
    begins = next_window((window,), "d1", datetime(1990, 1, 1, tzinfo=UTC))
    assert begins is not None
    assert open_window((window,), "d1", begins[1]) == begins
    assert next_window((window,), "d1", now) == (begins if now < begins[1] else None)
    assert open_window((window,), "d1", now) == (begins if begins[1] <= now < begins[2] else None)
