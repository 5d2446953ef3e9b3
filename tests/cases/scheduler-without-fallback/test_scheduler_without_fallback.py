"""A hash without a fallback is never a default, and never without a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from problem_marks import expect, problems_of

from clusterlb.config.load import Severity, load
from clusterlb.core.desired import full_state
from clusterlb.model.ipvs import ServiceFlag

INVENTORY = Path(__file__).parent / "inventory.yaml"
SERVICE = "{protocol: tcp, port: 80, pool: web}"


def test_the_default_passes_over_a_member_at_weight_0():
    inventory, problems = load(INVENTORY)
    assert problems == ()
    (state,) = full_state(inventory).values()
    assert state.service.scheduler == "mh"
    assert state.service.flags == ServiceFlag.SCHED1 | ServiceFlag.SCHED2  # fallback and port


@pytest.mark.parametrize(
    ("written", "column", "text"),
    [
        ("flags: []", 53, "mh without the flag `mh-fallback`: the clients of a member that is DOWN, drained"),
        ("flags: [mh-port]", 53, "mh without the flag `mh-fallback`"),
        ("flags: [flag-2]", 53, "mh without the flag `mh-fallback`"),
        ("scheduler: sh, flags: [sh-port]", 68, "sh without the flag `sh-fallback`"),
        ("scheduler: dh", 57, "scheduler dh has no fallback"),
    ],
)
def test_what_turns_clients_away_is_a_warning(written: str, column: int, text: str, tmp_path: Path):
    problems = problems_of(INVENTORY.read_text().replace(SERVICE, f"{SERVICE[:-1]}, {written}}}"), tmp_path)
    assert len(problems) == 1
    expect(problems, Severity.WARNING, 11, column, text, "the member is at weight 0")


@pytest.mark.parametrize(
    "written", ["flags: [mh-fallback]", "flags: [flag-1]", "scheduler: sh", "scheduler: wlc"]
)
def test_what_passes_a_member_over_is_no_warning(written: str, tmp_path: Path):
    assert problems_of(INVENTORY.read_text().replace(SERVICE, f"{SERVICE[:-1]}, {written}}}"), tmp_path) == ()


@pytest.mark.parametrize(
    ("written", "text"),
    [("sh, flags: []", "sh without the flag `sh-fallback`"), ("dh", "scheduler dh has no fallback")],
)
def test_a_member_that_is_removed_when_it_is_down_still_drains_at_weight_0(
    written: str, text: str, tmp_path: Path
):
    inventory = INVENTORY.read_text().replace("check: {type: tcp}", "check: {type: tcp}\n    on_down: remove")
    problems = problems_of(inventory.replace(SERVICE, f"{SERVICE[:-1]}, scheduler: {written}}}"), tmp_path)
    assert [problem.text for problem in problems] == [
        f"{text}: the clients of a member that is drained are turned away"
    ]


def test_the_hint_for_dh_names_what_helps(tmp_path: Path):
    text = INVENTORY.read_text().replace(SERVICE, f"{SERVICE[:-1]}, scheduler: dh}}")
    (problem,) = problems_of(text, tmp_path)
    assert "`on_down: remove`" in problem.hint
    (problem,) = problems_of(text.replace("{type: tcp}", "{type: tcp}\n    on_down: remove"), tmp_path)
    assert "`on_down: remove`" not in problem.hint
