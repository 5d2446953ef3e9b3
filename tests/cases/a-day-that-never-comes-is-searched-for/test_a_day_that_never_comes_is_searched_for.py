"""Work is counted in calls, not in time."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from clusterlb.config.load import load
from clusterlb.core.calendar.cron import fires, needless
from clusterlb.core.calendar.windows import next_window, open_window

INVENTORY = Path(__file__).parent / "inventory.yaml"
NOW = datetime(2026, 11, 26, 12, 0, 30, tzinfo=UTC)
MOST = 20_000  # calls, of Python and of C, for a look; the search of the calendar made millions


def calls(action) -> int:
    counted = 0

    def count(_frame, event, _argument):
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize(
    "cron",
    ["0 3 31 11 mon", "0 3 30 2 mon", "0 3 30,31 2 sun", "0 3 31 4,6,9,11 1-5", "0 3 29 2 *", "* * * * *"],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_look_costs_little(cron: str, zone: str):
    inventory, _ = load(INVENTORY)
    windows = (replace(inventory.maintenance[0], cron=cron, zone=zone, duration=7 * 86400.0),)
    assert calls(lambda: open_window(windows, "d1", NOW)) < MOST
    assert calls(lambda: next_window(windows, "d1", NOW)) < MOST


def test_it_is_a_warning_and_the_other_day_counts():
    _, problems = load(INVENTORY)
    assert [problem.text for problem in problems] == ["a part of `0 3 31 11 mon` never fires"]
    found = [f"{time:%m-%d}" for time in islice(fires("0 3 31 11 mon", datetime(2026, 11, 24)), 2)]
    assert found == ["11-30", "11-01"]  # Mondays of November, of this year and the next


@pytest.mark.parametrize("cron", ["0 3 31 11,12 mon", "0 3 29 2 mon", "0 3 * * *", "0 3 30 2,3 sun"])
def test_what_comes_now_and_then_is_no_warning(cron: str):
    assert needless(cron) == ""
