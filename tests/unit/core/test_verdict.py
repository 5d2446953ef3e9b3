"""rise, fall, hold and initial."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.verdict import first, judge
from clusterlb.model.check import CheckSpec, VerdictState
from clusterlb.model.health import Observation, Verdict

SPEC = CheckSpec(rise=2, fall=3)


def run(pattern, verdict=None, spec=SPEC):
    """Judge a string of observations: + ok, - failed; one a second."""
    verdict = verdict or Verdict()
    for at, mark in enumerate(pattern, 1):
        verdict = judge(verdict, Observation(mark == "+", float(at), 0.0, mark), spec)
    return verdict


@pytest.mark.parametrize(
    ("pattern", "state"),
    [
        ("", VerdictState.UNKNOWN),
        ("+", VerdictState.UNKNOWN),
        ("--", VerdictState.UNKNOWN),
        ("+-+-+-", VerdictState.UNKNOWN),
        ("++", VerdictState.UP),
        ("---", VerdictState.DOWN),
        ("++--+--+", VerdictState.UP),
        ("++---", VerdictState.DOWN),
        ("---+", VerdictState.DOWN),
        ("---+-+-+", VerdictState.DOWN),
        ("---++", VerdictState.UP),
    ],
)
def test_rise_and_fall(pattern, state):
    assert run(pattern).state is state


def test_a_verdict_keeps_the_observation_that_made_it_and_its_time():
    verdict = run("++---++")
    assert (verdict.since, verdict.because.detail) == (7.0, "+")
    later = run("-+-", verdict)
    assert (later.since, later.because) == (verdict.since, verdict.because)


@pytest.mark.parametrize("initial", VerdictState)
def test_the_first_verdict_is_the_one_configured_and_is_left_as_any_other(initial):
    spec = replace(SPEC, initial=initial)
    assert run("", first(spec), spec).state is initial
    assert run("-", first(spec), spec).state is initial
    assert run("---", first(spec), spec).state is VerdictState.DOWN
    assert run("++", first(spec), spec).state is VerdictState.UP


def test_a_down_verdict_stands_for_its_hold_and_up_again_at_the_next_success():
    spec = replace(SPEC, hold=10.0)
    down = run("---", spec=spec)
    assert run("---" + "+" * 9, spec=spec).state is VerdictState.DOWN
    assert run("---" + "+" * 10, spec=spec).state is VerdictState.UP
    assert down.since == 3.0


def test_the_hold_never_delays_a_down():
    spec = replace(SPEC, hold=10.0)
    assert run("---" + "+" * 10 + "---", spec=spec).state is VerdictState.DOWN


def test_only_an_up_after_a_down_is_a_recovery():
    assert not run("++").recovered
    assert run("---++").recovered
    assert run("---+++++").recovered


@pytest.mark.parametrize(("asked", "given"), [(None, 100), (100, 100), (80, 100), (75, 75), (1, 25), (0, 0)])
def test_the_share_a_member_asks_for_is_rounded_up_to_steps(asked, given):
    ok = Observation(True, 1.0, 0.0, "", share=asked)
    up = Verdict(VerdictState.UP)
    assert judge(up, ok, SPEC).share == given
    assert judge(Verdict(), ok, replace(SPEC, rise=1)).share == given


def test_a_failure_does_not_change_the_share():
    half = judge(Verdict(VerdictState.UP), Observation(True, 1.0, 0.0, "", share=50), SPEC)
    assert judge(half, Observation(False, 2.0, 0.0, ""), SPEC).share == 50


@given(st.text("+-", max_size=200), st.integers(1, 5), st.integers(1, 5), st.floats(0, 30))
def test_flaps_are_bounded_by_the_hold(pattern, rise, fall, hold):
    """In any stretch of time a member goes DOWN at most once per hold, and once more."""
    spec = CheckSpec(rise=rise, fall=fall, hold=hold)
    verdict, downs = Verdict(), []
    for at, mark in enumerate(pattern, 1):
        after = judge(verdict, Observation(mark == "+", float(at), 0.0, mark), spec)
        if after.state is VerdictState.DOWN and verdict.state is not VerdictState.DOWN:
            downs.append(at)
        verdict = after
    for earlier, later in itertools.pairwise(downs):
        assert later - earlier >= hold
