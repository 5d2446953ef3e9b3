"""The engine's counters of its own work."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class Counters:
    """Counts since the start.

    ``started`` splits into ``passed``, ``failed``, those without a result and those still running.
    ``skipped``: slots for which the engine was too late. ``overlapped``: slots during a longer probe of the
    same key. ``postponed``: starts put off for lack of descriptors, buffers or memory. ``unsent``: probes
    that the director could not send for other reasons, by UnsentError's name. ``broken``: probes ended by an
    error in the kind's code. ``stalls``: how often the process stood still for more than STALL seconds, or
    one step took more than SLOW.
    """

    started: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    overlapped: int = 0
    postponed: int = 0
    broken: int = 0
    stalls: int = 0
    unsent: dict[str, int] = field(default_factory=dict)


class Lag:
    """How late probes started, in seconds: exact values since the last ``take``, buckets for all before.

    ``buckets[n]`` counts the lags up to ``LAG_BUCKETS[n]`` and above the bucket before; the last, all longer.
    """

    def __init__(self) -> None:
        self._lags: list[float] = []
        self.buckets = [0] * (len(LAG_BUCKETS) + 1)

    def add(self, lag: float) -> None:
        """Add the lag of one start."""
        self._lags.append(lag)

    def take(self) -> tuple[float, float]:
        """Return the 99th percentile and the largest since the last call; zeros when nothing started."""
        lags = sorted(self._lags)
        self._lags.clear()
        if not lags:
            return 0.0, 0.0
        below = 0
        for number, up_to in enumerate((*(bisect_right(lags, bound) for bound in LAG_BUCKETS), len(lags))):
            self.buckets[number] += up_to - below
            below = up_to
        return lags[(len(lags) * 99 - 1) // 100], lags[-1]
