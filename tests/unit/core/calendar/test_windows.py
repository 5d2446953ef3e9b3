"""Which window is open, and which is next: on ordinary days, and where clocks change or jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger

from clusterlb.core.calendar.windows import next_window, open_window
from clusterlb.model.inventory import Window

BERLIN = "Europe/Berlin"
LORD_HOWE = "Australia/Lord_Howe"
HOUR = 3600.0


def cron(text: str, zone: str = "UTC", hours: float = 1, name: str = "w") -> Window:
    return Window(name, ("d1",), "test", text, None, hours * HOUR, zone)


def once(at: str, zone: str = "UTC", hours: float = 1, name: str = "w") -> Window:
    return Window(name, ("d1",), "test", None, at, hours * HOUR, zone)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opened(window: Window, now: str) -> tuple[str, str] | None:
    found = open_window((window,), "d1", utc(now))
    return None if found is None else (f"{found[1]:%m-%d %H:%M}", f"{found[2]:%m-%d %H:%M}")


def starts(window: Window, now: str, count: int) -> list[str]:
    """Return the next starts, each asked for at the one before."""
    moment, found = utc(now), []
    for _ in range(count):
        occurrence = next_window((window,), "d1", moment)
        assert occurrence is not None
        moment = occurrence[1]
        found.append(f"{moment:%m-%d %H:%M}")
    return found


def test_a_window_is_open_from_its_start_to_its_end() -> None:
    window = cron("0 3 * * sun", hours=2)
    assert opened(window, "2026-11-22 02:59:59.999999") is None
    assert opened(window, "2026-11-22 03:00") == ("11-22 03:00", "11-22 05:00")
    assert opened(window, "2026-11-22 04:59:59.999999") == ("11-22 03:00", "11-22 05:00")
    assert opened(window, "2026-11-22 05:00") is None


def test_what_comes_back_is_the_window_and_utc() -> None:
    window = cron("0 3 * * sun", BERLIN)
    found = open_window((window,), "d1", utc("2026-11-22 02:30"))
    assert found is not None
    assert found[0] is window
    assert [time.utcoffset() for time in found[1:]] == [timedelta(0)] * 2
    assert opened(window, "2026-11-22 02:30") == ("11-22 02:00", "11-22 03:00")


def test_now_may_be_in_any_zone() -> None:
    now = datetime(2026, 11, 22, 3, 30, tzinfo=ZoneInfo(BERLIN))
    found = open_window((cron("0 3 * * sun", BERLIN),), "d1", now)
    assert found is not None
    assert found[1] == utc("2026-11-22 02:00")


def test_only_the_directors_own_windows_count() -> None:
    window = cron("* * * * *")
    now = utc("2026-11-22 03:00")
    assert open_window((window,), "d2", now) is None
    assert next_window((window,), "d2", now) is None
    assert open_window((), "d1", now) is None


def test_a_start_in_the_middle_drains_for_the_rest() -> None:
    assert opened(once("2026-12-01T03:00", hours=48), "2026-12-02 23:00") == ("12-01 03:00", "12-03 03:00")


def test_a_window_that_was_missed_is_not_made_up_for() -> None:
    window = once("2026-12-01T03:00")
    assert opened(window, "2026-12-01 04:00") is None
    assert next_window((window,), "d1", utc("2026-12-01 04:00")) is None


def test_the_next_window_is_one_that_is_not_open_yet() -> None:
    window = once("2026-12-01T03:00")
    assert next_window((window,), "d1", utc("2026-12-01 03:00")) is None
    assert starts(window, "2026-12-01 02:59:59.999999", 1) == ["12-01 03:00"]
    assert starts(cron("0 3 * * *"), "2026-12-01 03:00", 2) == ["12-02 03:00", "12-03 03:00"]


def test_of_several_windows() -> None:
    long, short = cron("0 3 * * *", hours=4, name="long"), cron("30 3 * * *", name="short")
    now = utc("2026-11-22 03:40")
    found = open_window((short, long), "d1", now)
    assert found is not None
    assert found[0].name == "long"
    following = next_window((short, long), "d1", now)
    assert following is not None
    assert (following[0].name, following[1]) == ("long", utc("2026-11-23 03:00"))


def test_of_a_window_that_overlaps_itself_the_last_start_counts() -> None:
    assert opened(cron("0 * * * *", hours=2), "2026-11-22 03:40") == ("11-22 03:00", "11-22 05:00")


def test_when_the_clock_jumps_the_next_answer_is_right() -> None:
    window = cron("0 3 * * *")
    times = ["2026-11-22 03:10", "1970-01-01 00:00", "2099-07-01 03:10", "2026-11-22 03:10"]
    assert [opened(window, time) for time in times] == [
        ("11-22 03:00", "11-22 04:00"),
        None,
        ("07-01 03:00", "07-01 04:00"),
        ("11-22 03:00", "11-22 04:00"),
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-10-24 23:00", "2026-10-25 03:00"), ("2027-03-27 23:00", "2027-03-28 03:00")],
)
def test_a_duration_is_elapsed_time(start: str, end: str) -> None:
    """Four hours over either change of Berlin's clocks, which come at 01:00 UTC."""
    local = utc(start).astimezone(ZoneInfo(BERLIN))
    window = once(f"{local:%Y-%m-%dT%H:%M}", BERLIN, hours=4)
    last = utc(end) - timedelta(microseconds=1)
    assert opened(window, last.isoformat()[:26]) == (start[5:], end[5:])
    assert opened(window, end) is None


# each line: the days around a change of the clocks, in UTC
CHANGES = {
    "Berlin, gap": (BERLIN, "30 2 * * *", "2027-03-26 12:00", ["03-27 01:30", "03-28 01:30", "03-29 00:30"]),
    "Berlin, fold": (BERLIN, "30 2 * * *", "2026-10-23 12:00", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
    "Lord Howe, gap": (
        LORD_HOWE,
        "15 2 * * *",
        "2026-10-02 12:00",
        ["10-02 15:45", "10-03 15:45", "10-04 15:15"],
    ),
    "Lord Howe, fold": (
        LORD_HOWE,
        "45 1 * * *",
        "2027-04-02 12:00",
        ["04-02 14:45", "04-03 14:45", "04-04 15:15"],
    ),
    # 02:00 to 02:45 do not exist: they are where 03:00 to 03:45 are, which are the same starts
    "Berlin, gap, often": (
        BERLIN,
        "0,30 1-3 28 3 *",
        "2027-03-28 00:00",
        ["03-28 00:30", "03-28 01:00", "03-28 01:30"],
    ),
    "Berlin, fold, often": (
        BERLIN,
        "0,30 1-3 25 10 *",
        "2026-10-24 23:00",
        ["10-24 23:30", "10-25 00:00", "10-25 00:30", "10-25 02:00", "10-25 02:30"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_time_in_the_gap_or_the_fold_counts_once(name: str) -> None:
    zone, text, now, expected = CHANGES[name]
    assert starts(cron(text, zone), now, len(expected)) == expected


def test_the_second_time_of_a_fold_opens_nothing() -> None:
    window = cron("30 2 * * *", BERLIN, hours=0.5)
    assert opened(window, "2026-10-25 00:45") == ("10-25 00:30", "10-25 01:00")
    assert opened(window, "2026-10-25 01:45") is None


@pytest.mark.parametrize(
    ("noon", "fires"),
    [
        ("2026-10-24 12:00", ["10-25 00:30", "10-25 01:30", "10-26 01:30"]),  # the fold: twice
        ("2027-03-27 12:00", ["03-28 01:30", "03-29 00:30", "03-30 00:30"]),  # the gap: once, at 03:30
    ],
)
def test_what_apscheduler_does_in_a_zone(noon: str, fires: list[str]) -> None:
    """Why it is told nothing of time zones."""
    trigger = CronTrigger.from_crontab("30 2 * * *", ZoneInfo(BERLIN))
    moment, found = utc(noon), []
    for _ in fires:
        moment = trigger.get_next_fire_time(None, moment + timedelta(minutes=1)).astimezone(UTC)
        found.append(f"{moment:%m-%d %H:%M}")
    assert found == fires


def test_a_day_that_was_left_out() -> None:
    """Samoa went from 29 to 31 December 2011: what was due on the 30th was on the 31st."""
    assert starts(cron("0 3 * * *", "Pacific/Apia"), "2011-12-29 12:00", 3) == [
        "12-29 13:00",
        "12-30 13:00",
        "12-31 13:00",
    ]
