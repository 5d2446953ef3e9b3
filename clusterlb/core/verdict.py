"""Damp one member's observations into a verdict.

``rise`` successes in a row make UP, ``fall`` failures in a row make DOWN, whatever the verdict was
before; UNKNOWN is left in the same way, so one stray probe at the start decides nothing.
"""

from __future__ import annotations

from clusterlb.model.health import Observation, Verdict, VerdictState
from clusterlb.model.inventory import CheckSpec


def judge(verdict: Verdict, observation: Observation, spec: CheckSpec) -> Verdict:
    """Return the verdict after one more observation; its times are the observation's."""
    agrees = verdict.state is (VerdictState.UP if observation.ok else VerdictState.DOWN)
    if agrees:
        return Verdict(verdict.state, verdict.since, 0, observation.ok, verdict.because)
    streak = verdict.streak + 1 if verdict.streak and verdict.streak_ok == observation.ok else 1
    if streak < (spec.rise if observation.ok else spec.fall):
        return Verdict(verdict.state, verdict.since, streak, observation.ok, verdict.because)
    state = VerdictState.UP if observation.ok else VerdictState.DOWN
    return Verdict(state, observation.at, 0, observation.ok, observation)
