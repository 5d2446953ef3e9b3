"""Turns for the probes whose answers are dear to judge: after all others, one a step, the cheapest first.

No judgement is without a bound, but some bounds are tens of milliseconds: an answer in a thousand chunks, a
name server's answer of a hundred pointers, a long pattern. A probe that has shown itself to be dear waits
here with what its descriptor reported, and all of them together get a quarter of the time at most.
"""

from __future__ import annotations

import math
from typing import Generic

from clusterlb.checks.entry import Entry, Name

DEAR = 0.01  # seconds of judging in one run, and half of those of the runs before, from which a probe is dear
REST = 3.0  # times as long as a dear judgement took, the others are by themselves
MOST = 0.25  # seconds of CPU that the judgement of one answer may take in all


class Turns(Generic[Name]):
    """The dear probes that have something to be judged, each with its events and since when it waits."""

    def __init__(self) -> None:
        self._waiting: dict[Entry[Name], tuple[int, float]] = {}
        self._open_at = -math.inf

    def __contains__(self, entry: Entry[Name]) -> bool:
        return entry in self._waiting

    def add(self, entry: Entry[Name], events: int, now: float) -> None:
        """Have a probe wait for its turn."""
        self._waiting[entry] = events, now

    def forget(self, entry: Entry[Name]) -> None:
        """Have a probe wait no more."""
        self._waiting.pop(entry, None)

    def due(self) -> float:
        """Return when the next turn comes; infinity where nobody waits."""
        return self._open_at if self._waiting else math.inf

    def take(self, now: float) -> tuple[Entry[Name], int, float] | None:
        """Return whose turn it is, its events, and how many seconds it has waited."""
        if now < self.due():
            return None
        entry = min(self._waiting, key=lambda waiting: waiting.spent)
        events, since = self._waiting.pop(entry)
        return entry, events, now - since

    def rest(self, took: float, now: float) -> None:
        """Leave the time that follows a turn to the others."""
        self._open_at = now + REST * took
