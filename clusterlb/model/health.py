"""From one check's result to the damped judgement on a member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckSpec, ProbeSpec, VerdictState


class Through(NamedTuple):
    """The way through IPVS to one member: a service of a VIP, and the mark that chooses the member."""

    vip: Endpoint
    mark: int


class ProbeKey(NamedTuple):
    """One probe, whoever uses its result: the target, what is done, and the way if it is not straight."""

    endpoint: Endpoint
    spec: ProbeSpec
    through: Through | None = None


class CheckKey(NamedTuple):
    """One verdict: a probe, and how its results are damped. Checks that differ only here share the probe."""

    probe: ProbeKey
    check: CheckSpec


class Observation(NamedTuple):
    """One probe's result. ``at`` and ``took`` are seconds of the monotonic clock.

    ``share``: per cent of its weight that the member asked for, if it did. ``warning``: what will make the
    check fail one day. ``phases``: what was done, and the seconds from the start at which it was.
    """

    ok: bool
    at: float
    took: float
    detail: str
    share: int | None = None
    warning: str = ""
    phases: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The damped judgement: its state, since when, the streak against it, and the observation behind it.

    ``share``: per cent of its weight that an UP member asked for last. ``recovered``: it was DOWN before it
    came UP. ``warning``: the latest observation's.
    """

    state: VerdictState = VerdictState.UNKNOWN
    since: float = 0.0
    streak: int = 0
    streak_ok: bool = False
    because: Observation | None = None
    share: int = 100
    recovered: bool = False
    warning: str = ""
