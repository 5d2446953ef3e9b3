"""Local times on the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clusterlb.core.calendar import local_time
from clusterlb.core.calendar.local_time import (
    CalendarError,
    comes_twice,
    exists,
    instant,
    nearest,
    shown,
    zone,
)

BERLIN = zone("Europe/Berlin")
LORD_HOWE = zone("Australia/Lord_Howe")  # its clocks change by 30 minutes


def test_the_gap() -> None:
    gap = datetime(2027, 3, 28, 2, 30)
    assert not exists(gap, BERLIN)
    assert shown(instant(gap, BERLIN), BERLIN) == datetime(2027, 3, 28, 3, 30)
    assert not exists(datetime(2026, 10, 4, 2, 15), LORD_HOWE)
    assert exists(datetime(2026, 10, 4, 2, 30), LORD_HOWE)


@pytest.mark.parametrize(
    ("minute", "hour_then", "minute_then"),
    [(0, 1, 59), (10, 1, 59), (29, 1, 59), (30, 3, 0), (31, 3, 0), (59, 3, 0)],
)
def test_the_nearest_time_that_exists(minute: int, hour_then: int, minute_then: int) -> None:
    found = nearest(datetime(2027, 3, 28, 2, minute), BERLIN)
    assert found == datetime(2027, 3, 28, hour_then, minute_then)


def test_the_fold() -> None:
    twice = datetime(2026, 10, 25, 2, 30)
    assert comes_twice(twice, BERLIN)
    assert instant(twice, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert not comes_twice(datetime(2026, 10, 25, 3), BERLIN)
    assert not comes_twice(datetime(2027, 3, 28, 2, 30), BERLIN)


@pytest.mark.parametrize(
    "name", ["Europe/Berln", "europe/berlin", "Europe", "right/UTC", "../x", "", "UTC\n"]
)
def test_a_zone_that_is_none(name: str) -> None:
    with pytest.raises(CalendarError) as raised:
        zone(name)
    assert raised.value.hint


def test_a_host_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_time, "_names", frozenset)
    with pytest.raises(CalendarError) as raised:
        zone("Europe/Nowhere")
    assert raised.value.hint == "this host has no time zone database: install tzdata, or write UTC"
    assert zone("UTC") is UTC
