"""Maintenance windows in the file: what arrives, and where each mistake is (at the sign ¦)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.lint.maintenance import lint_maintenance
from clusterlb.config.load import InventoryError, Problem, Severity, load, valid_parts
from clusterlb.config.report import Report
from clusterlb.model.inventory import Window

CLUSTER = """\
cluster: {name: c, vip_prefixes: [10.100.0.0/24]}
directors:
  edge-1: {router_id: 10.1.0.1, uplinks: [e0]}
  edge-2: {router_id: 10.1.0.2, uplinks: [e0]}
  edge-3: {router_id: 10.1.0.3, uplinks: [e0]}
"""
BASE = (
    CLUSTER
    + """\
maintenance:
  - name: kernel-updates
    directors: [edge-1]
    reason: monthly updates
    cron: "0  3 * * sun"
    for: 2h
    time_zone: Europe/Berlin
    deadline: 10m
  - {name: cabling, directors: [edge-2, edge-3], reason: new switch, at: 2021-12-01 03:00, for: 7d}
"""
)  # the one that opens once is over: what is said of the others does not depend on today
CRON = '"0  3 * * sun"'
AT = "2021-12-01 03:00"

ERRORS = {
    # the list
    "mapping": (
        "maintenance:\n",
        "maintenance: ¦{}\npool:\n",
        "`maintenance` needs a list, but is a mapping",
    ),
    "text for a window": ("  - {name: cabling", "  - ¦foo\n  - {name: cabling", "`window 2` needs a mapping"),
    "unknown key": ("reason: monthly", "¦reasn: monthly", "unknown key `reasn` in `kernel-updates`"),
    "unknown for": ("for: 2h", "¦fore: 2h", "unknown key `fore` in `kernel-updates`"),
    "no name": ("- name: kernel-updates\n    directors", "- ¦directors", "`name` is missing in `window 1`"),
    "no directors": (
        "- {name: cabling, directors: [edge-2, edge-3],",
        "- ¦{name: cabling,",
        "`directors` is missing in `cabling`",
    ),
    "bad name": ("kernel-updates", "¦kernel updates", "`name` is not a good name: `kernel updates`"),
    "twice": ("name: cabling", "name: ¦kernel-updates", "duplicate window `kernel-updates`"),
    # directors
    "nobody": ("[edge-1]", "¦[]", "`directors` is empty"),
    "unknown director": ("[edge-1]", "[¦edge-4]", "director `edge-4` does not exist"),
    "director twice": ("[edge-1]", "[edge-1, ¦edge-1]", "duplicate director `edge-1`"),
    # when
    "both": (
        "reason: new switch, at",
        "reason: new switch, cron: 0 3 * * *, ¦at",
        "`cron` and `at` exclude each other",
    ),
    "neither": (
        f"  - name: kernel-updates\n    directors: [edge-1]\n    reason: monthly updates\n    cron: {CRON}",
        "  - ¦name: kernel-updates\n    directors: [edge-1]\n    reason: monthly updates",
        "window `kernel-updates` never opens: it has neither `cron` nor `at`",
    ),
    "no cron": (CRON, "¦'0 3 * *'", "`cron` needs five fields, but is the text `0 3 * *`"),
    "bad hour": (CRON, "¦0 25 * * *", "`cron` has no hour in `25`: `0 25 * * *`"),
    "never": (CRON, "¦0 3 30 2 *", "`cron` never fires: `0 3 30 2 *`"),
    "not quoted": (CRON, "*¦ 3 * * *", "not YAML: did not find expected alphabetic or numeric character"),
    "no date": (AT, "¦2021-02-29 03:00", "`at` is no time of any calendar: `2021-02-29 03:00`"),
    "no time": (AT, "¦2021-12-01", "`at` needs a local time from 2000 to 2099, but is the text"),
    "offset": (AT, "¦2021-12-01 03:00+01:00", "`at` needs a local time from 2000 to 2099"),
    "gap": (
        f"at: {AT}",
        "time_zone: Europe/Berlin, at: ¦2021-03-28 02:31",
        "2021-03-28 02:31 does not exist in Europe/Berlin: the clocks are put forward over it",
    ),
    "half an hour's gap": (
        f"at: {AT}",
        "time_zone: Australia/Lord_Howe, at: ¦2020-10-04 02:10",
        "2020-10-04 02:10 does not exist in Australia/Lord_Howe",
    ),
    "zone": (
        "Europe/Berlin",
        "¦Europe/Berln",
        "`time_zone` is no time zone that this host knows: `Europe/Berln`",
    ),
    # how long
    "short": ("for: 2h", "for: ¦59s", "`for` needs a duration from 60s to 7d, but is the text `59s`"),
    "long": ("for: 2h", "for: ¦8d", "`for` needs a duration from 60s to 7d, but is the text `8d`"),
    "deadline": ("deadline: 10m", "deadline: ¦10", "`deadline` needs a duration with its unit"),
    "two lines": ("monthly updates", '¦"a\\nb"', "`reason` is not one line of 1 to 200 characters"),
    "no reason": ("monthly updates", '¦""', "`reason` is not one line of 1 to 200 characters"),
}
HINTS = {
    "unknown for": "did you mean `for`?",
    "unknown director": "did you mean `edge-",
    "zone": "did you mean `Europe/Berlin`?",
    "gap": "the nearest time that does is 2021-03-28 03:00",
    "half an hour's gap": "the nearest time that does is 2020-10-04 01:59",
    "not quoted": "quote a value that begins with `*`",
}
CONSEQUENCES = {"mapping": 1}  # a section `pool`

WARNINGS = {
    "fold": (
        f"at: {AT}",
        "time_zone: Europe/Berlin, at: ¦2021-10-31 02:30",
        "2021-10-31 02:30 comes twice in Europe/Berlin: the clocks are put back over it",
    ),
    "asterisk too many": (
        CRON + "\n    for: 2h",
        '"* 3 * * sun"\n    for: ¦2h',
        "window `kernel-updates` is open for",
    ),
    "always open": (
        CRON + "\n    for: 2h",
        "0 3 * * *\n    for: ¦1d",
        "window `kernel-updates` is open for 1d, but",
    ),
    "announcers": (
        "prefixes: [10.100.0.0/24]",
        "prefixes: [10.100.0.0/24], min_announcers: ¦3",
        "`min_announcers`",
    ),
}


def written(text: str, folder: Path) -> Path:
    path = folder / "inventory.yaml"
    path.write_text(text)
    return path


def warnings_at(now: str, windows: str, folder: Path) -> list[Problem]:
    """Return what is said of windows at a time of the host's clock."""
    report = Report()
    everything, _ = valid_parts(written(f"{CLUSTER}maintenance:\n{windows}", folder), report)
    assert everything is not None
    lint_maintenance(everything, report, datetime.fromisoformat(now).replace(tzinfo=UTC))
    return list(report.ordered())


def test_what_arrives(tmp_path: Path) -> None:
    inventory, problems = load(written(BASE, tmp_path))
    assert problems == ()
    assert inventory.maintenance == (
        Window(
            "kernel-updates",
            ("edge-1",),
            "monthly updates",
            cron="0 3 * * sun",
            at=None,
            duration=7200,
            zone="Europe/Berlin",
            deadline=600,
        ),
        Window("cabling", ("edge-2", "edge-3"), "new switch", None, "2021-12-01T03:00", 604800, "UTC", None),
    )


@pytest.mark.parametrize("nothing", ["", "maintenance: []\n"])
def test_no_windows(nothing: str, tmp_path: Path) -> None:
    assert load(written(CLUSTER + nothing, tmp_path))[0].maintenance == ()


def test_the_lists_of_several_files_are_joined(tmp_path: Path) -> None:
    window = "- {{name: {}, directors: [edge-1], reason: test, at: 2026-12-01 03:00, for: 1h}}\n"
    (tmp_path / "a.yaml").write_text(CLUSTER + "maintenance:\n" + window.format("one"))
    (tmp_path / "b.yaml").write_text("maintenance:\n" + window.format("two") + window.format("three"))
    assert [found.name for found in load(tmp_path)[0].maintenance] == ["one", "two", "three"]
    (tmp_path / "c.yaml").write_text("maintenance:\n" + window.format("one"))
    with pytest.raises(InventoryError) as raised:
        load(tmp_path)
    (problem,) = raised.value.problems
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "c.yaml"), 2, 10)
    assert problem.text == "duplicate window `one`"
    assert problem.hint.startswith(f"first written at {tmp_path / 'a.yaml'}:7:10")


@pytest.mark.parametrize("name", ERRORS)
def test_an_error(name: str, tmp_path: Path) -> None:
    old, new, expected = ERRORS[name]
    text, line, column = marked(BASE, old, new)
    problems = problems_of(text, tmp_path)
    expect(problems, Severity.ERROR, line, column, expected, HINTS.get(name, ""))
    assert len(problems) == 1 + CONSEQUENCES.get(name, 0)


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning(name: str, tmp_path: Path) -> None:
    old, new, expected = WARNINGS[name]
    text, line, column = marked(BASE, old, new)
    problems = problems_of(text, tmp_path)
    expect(problems, Severity.WARNING, line, column, expected)
    assert len(problems) == 1


ONE = "  - {name: a, directors: [edge-1], reason: x, cron: 0 3 * * sun, for: 2h}\n"
TWO = "  - {name: b, directors: [edge-2], reason: x, cron: 0 4 * * *, for: 2h}\n"
THREE = "  - {name: c, directors: [edge-3], reason: x, at: 2026-11-29 04:59, for: 1h}\n"


def test_windows_of_all_directors_at_once(tmp_path: Path) -> None:
    (problem,) = warnings_at("2026-11-22 12:00", ONE + TWO + THREE, tmp_path)
    assert (problem.severity, problem.line, problem.column) == (Severity.WARNING, 9, 51)
    assert problem.text == "all 3 directors are in a window at 2026-11-29 04:59 UTC: `a`, `b`, `c`"


@pytest.mark.parametrize(
    ("now", "windows"),
    [
        ("2026-11-22 12:00", ONE + TWO),  # one director serves
        ("2026-11-22 12:00", ONE + TWO + THREE.replace("04:59", "05:00")),  # one closes as another opens
        ("2026-11-22 12:00", ONE + TWO + THREE.replace("edge-3", "edge-2")),
        ("2026-11-20 12:00", ONE + TWO + THREE),  # more than 8 days ahead
        ("2026-11-29 05:00", ONE + TWO + THREE),  # over
    ],
)
def test_windows_that_leave_somebody_in_service(now: str, windows: str, tmp_path: Path) -> None:
    assert warnings_at(now, windows, tmp_path) == []


def test_windows_that_are_open_already(tmp_path: Path) -> None:
    (problem,) = warnings_at("2026-11-29 04:59:30", ONE + TWO + THREE, tmp_path)
    assert problem.text.startswith("all 3 directors are in a window at 2026-11-29 04:59 UTC")


def test_one_window_of_all_directors(tmp_path: Path) -> None:
    everybody = ONE.replace("[edge-1]", "[edge-1, edge-2, edge-3]")
    (problem,) = warnings_at("2026-11-22 12:00", everybody, tmp_path)
    assert problem.text == "all 3 directors are in a window at 2026-11-29 03:00 UTC: `a`"
    assert problem.hint.startswith("they drain at the same time, and only as many go as `max_drained`")
