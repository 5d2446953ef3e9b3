"""From one check's result to the damped judgement on a member."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from clusterlb.model.inventory import CheckSpec, Endpoint


class VerdictState(Enum):
    """UNKNOWN is not DOWN: it changes nothing."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class ProbeKey(NamedTuple):
    """One probe, whoever uses its result: the target and how it is checked."""

    endpoint: Endpoint
    spec: CheckSpec


@dataclass(frozen=True, slots=True)
class Observation:
    """One probe's result. ``at`` and ``took`` are seconds of the monotonic clock."""

    ok: bool
    at: float
    took: float
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The damped judgement: its state, since when, the streak against it, and the observation behind it."""

    state: VerdictState = VerdictState.UNKNOWN
    since: float = 0.0
    streak: int = 0
    streak_ok: bool = False
    because: Observation | None = None
