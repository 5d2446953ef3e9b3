"""However often a window opens, the warnings are those of the time that it is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from problem_marks import problems_of

from clusterlb.config.load import Severity

TEXT = (Path(__file__).parent / "inventory.yaml").read_text()
W = '{name: w, directors: [d1, d2], reason: r, cron: "* * * * *", for: 1h}'


def warnings(windows: list[str], folder: Path) -> list[str]:
    problems = problems_of(TEXT.replace(W, "\n  - ".join(windows)), folder)
    assert {problem.severity for problem in problems} <= {Severity.WARNING}
    return [problem.text for problem in problems]


@pytest.mark.parametrize("cron", ["* * * * *", "*/2 * * * *", "0 * * * *"])
def test_a_window_that_never_closes_is_warned_of_twice(cron: str, tmp_path: Path):
    found = warnings([W.replace("* * * * *", cron)], tmp_path)
    assert len(found) == 2
    assert any("all 2 directors are in a window" in text for text in found)
    assert any("opens again after" in text for text in found)


def test_a_window_late_in_the_week_meets_one_that_never_closes(tmp_path: Path):
    late = (datetime.now(UTC) + timedelta(days=6)).strftime("%Y-%m-%d %H:%M")
    always = '{name: v, directors: [d1], reason: r, cron: "* * * * *", for: 60s}'
    once = f'{{name: w, directors: [d2], reason: r, at: "{late}", time_zone: UTC, for: 1h}}'
    assert f"all 2 directors are in a window at {late} UTC: `v`, `w`" in warnings([always, once], tmp_path)
