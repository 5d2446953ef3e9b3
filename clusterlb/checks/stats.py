"""The probes' results until the engine sends them, and the engine's counters of its own work."""

from __future__ import annotations

import sys
import traceback
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Generic

from clusterlb.checks.probe import Result, UnsentError
from clusterlb.checks.schedule import Name, ScheduledProbe
from clusterlb.model.check import CheckType
from clusterlb.model.health import Observation

LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(slots=True)
class EngineCounters:
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


class Results(Generic[Name]):
    """Collects results until they are taken. Reports a trouble once, until the probe has a result again."""

    def __init__(self) -> None:
        self.counters = EngineCounters()
        self._seen: list[tuple[Name, Observation]] = []
        self._troubles: list[tuple[Name, str]] = []
        self._printed: set[str] = set()

    def observe(self, entry: ScheduledProbe[Name], result: Result, now: float) -> None:
        """Add the result of a run."""
        ok, detail, share, warning, phases = result
        seen = Observation(ok, now, now - entry.since, detail, share, warning, phases)
        self._seen.append((entry.name, seen))
        entry.trouble = ""
        if ok:
            self.counters.passed += 1
        else:
            self.counters.failed += 1

    def unsent(self, entry: ScheduledProbe[Name], error: UnsentError) -> None:
        """Count a probe that the director could not send."""
        self.counters.unsent[error.name] = self.counters.unsent.get(error.name, 0) + 1
        self.complain(entry, error.name)

    def broken(self, entry: ScheduledProbe[Name], error: Exception) -> None:
        """Count a run that an error in the kind's code has ended."""
        self.complain(entry, self.report(entry.kind, error))

    def unmade(self, name: Name, kind: CheckType, error: Exception) -> None:
        """Count a probe that could not be made because of an error in the kind's code."""
        self._troubles.append((name, self.report(kind, error)))

    def complain(self, entry: ScheduledProbe[Name], trouble: str) -> None:
        """Report a trouble, unless the probe's last report was the same."""
        if entry.trouble != trouble:
            entry.trouble = trouble
            self._troubles.append((entry.name, trouble))

    def report(self, kind: CheckType, error: Exception) -> str:
        """Count an error, print the first traceback of its kind and type, and return a short text."""
        self.counters.broken += 1
        error_type = f"{kind.value} {type(error).__name__}"
        if error_type not in self._printed:
            self._printed.add(error_type)
            traceback.print_exception(error, file=sys.stderr)
        return f"an error in the check itself, {type(error).__name__}"

    def take(self) -> list[tuple[Name, Observation]]:
        """Return the observations since the last call."""
        seen, self._seen = self._seen, []
        return seen

    def take_troubles(self) -> list[tuple[Name, str]]:
        """Return the probes that could not be sent since the last call, and why."""
        troubles, self._troubles = self._troubles, []
        return troubles
