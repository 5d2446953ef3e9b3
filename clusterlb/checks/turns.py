"""Turns for probes whose answers are costly to judge: after all other probes, one a step, the cheapest first.

The time to judge an answer is bounded, but some bounds are tens of milliseconds: an answer in a thousand
chunks, a name server's answer of a hundred pointers, a long pattern. A costly probe waits here with its
descriptor's events, and all costly probes together get at most a quarter of the time.
"""

from __future__ import annotations

import math
from typing import Generic

from clusterlb.checks.schedule import Name, ScheduledProbe

COSTLY = 0.01  # seconds of judging in a run, plus half of those of earlier runs, that make a probe costly
REST = 3.0  # after a turn, the other probes get so many times the turn's duration
MOST = 0.25  # seconds of CPU that judging one answer may take in total


class Turns(Generic[Name]):
    """The costly probes with an answer to judge, each with its events and since when it waits."""

    def __init__(self) -> None:
        self._waiting: dict[ScheduledProbe[Name], tuple[int, float]] = {}
        self._open_at = -math.inf

    def __contains__(self, entry: ScheduledProbe[Name]) -> bool:
        return entry in self._waiting

    def add(self, entry: ScheduledProbe[Name], events: int, now: float) -> None:
        """Have a probe wait for its turn."""
        self._waiting[entry] = events, now

    def forget(self, entry: ScheduledProbe[Name]) -> None:
        """Remove a probe."""
        self._waiting.pop(entry, None)

    def due(self) -> float:
        """Return when the next turn comes; infinity if no probe waits."""
        return self._open_at if self._waiting else math.inf

    def take(self, now: float) -> tuple[ScheduledProbe[Name], int, float] | None:
        """Return the probe whose turn it is, its events, and how many seconds it has waited."""
        if now < self.due():
            return None
        entry = min(self._waiting, key=lambda waiting: waiting.spent)
        events, since = self._waiting.pop(entry)
        return entry, events, now - since

    def rest(self, took: float, now: float) -> None:
        """Reserve the time after a turn for the other probes."""
        self._open_at = now + REST * took
