"""rise and fall."""

import pytest

from clusterlb.core.verdict import judge
from clusterlb.model.health import Observation, Verdict, VerdictState
from clusterlb.model.inventory import CheckSpec

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
