"""Damp one check's observations into a verdict.

``rise`` successes in a row make UP, ``fall`` failures in a row make DOWN, whatever the verdict was
before; UNKNOWN is left in the same way, so one stray probe at the start decides nothing. A DOWN verdict
stands for ``hold`` seconds at least: a member that flaps is taken out once in that time, not at every
swing, and it never delays a DOWN.
"""

from __future__ import annotations

from dataclasses import replace

from clusterlb.core.weight import in_steps
from clusterlb.model.check import CheckSpec, VerdictState
from clusterlb.model.health import Observation, Verdict


def first(check: CheckSpec) -> Verdict:
    """Return the verdict that stands before any observation."""
    return Verdict(check.initial)


def judge(verdict: Verdict, observation: Observation, check: CheckSpec) -> Verdict:
    """Return the verdict after one more observation; its times are the observation's."""
    ok = observation.ok
    if verdict.state is (VerdictState.UP if ok else VerdictState.DOWN):
        share = _share(observation) if ok else verdict.share
        if (verdict.streak, verdict.share, verdict.warning) == (0, share, observation.warning):
            return verdict  # nothing new, as nearly always: thousands of these come every second
        return replace(verdict, streak=0, streak_ok=ok, share=share, warning=observation.warning)
    streak = verdict.streak + 1 if verdict.streak and verdict.streak_ok == ok else 1
    held = verdict.state is VerdictState.DOWN and observation.at - verdict.since < check.hold
    if held or streak < (check.rise if ok else check.fall):
        return replace(verdict, streak=streak, streak_ok=ok, warning=observation.warning)
    return Verdict(
        VerdictState.UP if ok else VerdictState.DOWN,
        since=observation.at,
        streak_ok=ok,
        because=observation,
        share=_share(observation) if ok else 100,
        recovered=ok and verdict.state is VerdictState.DOWN,
        warning=observation.warning,
    )


def _share(observation: Observation) -> int:
    return 100 if observation.share is None else in_steps(observation.share)
