"""One alarm per object, kept in rows of objects whose alarms ring at the same instant."""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

ROOM = 1024  # sets before the first sweep; a later sweep follows ROOM sets and three for each object left


class Alarmed:
    """An object that can have one alarm at a time: when it rings, infinity for never."""

    __slots__ = ("alarm",)

    def __init__(self) -> None:
        self.alarm = math.inf


T = TypeVar("T", bound=Alarmed)


class Alarms(Generic[T]):
    """Alarms by time. Setting an object's alarm replaces its earlier one.

    The heap holds instants, each with a row of objects: where thousands of alarms share a few instants,
    setting one is an append. An object whose alarm was replaced or cancelled stays in its old row, where its
    ``alarm`` differs from the row's instant, until the row comes to the front or a sweep removes the object.
    """

    def __init__(self) -> None:
        self._instants: list[float] = []
        self._rows: dict[float, list[T]] = {}
        self._until_sweep = ROOM

    def __len__(self) -> int:
        """Return how many objects lie in the rows, replaced and cancelled ones included."""
        return sum(len(row) for row in self._rows.values())

    def set(self, item: T, when: float) -> None:
        """Ring for ``item`` at ``when``."""
        item.alarm = when
        row = self._rows.get(when)
        if row is None:
            self._rows[when] = [item]
            heappush(self._instants, when)
        else:
            row.append(item)
        self._until_sweep -= 1
        if not self._until_sweep:
            self._sweep()

    def cancel(self, item: T) -> None:
        """Cancel the alarm of ``item``."""
        item.alarm = math.inf

    def next(self) -> float:
        """Return when the next alarm rings; infinity if no alarm is set."""
        instants = self._instants
        while instants:
            first = instants[0]
            row = self._rows[first]
            while row and row[-1].alarm != first:
                row.pop()
            if row:
                return first
            del self._rows[heappop(instants)]
        return math.inf

    def take(self, now: float) -> list[T]:
        """Remove the alarms that have rung, and return their objects in order."""
        rung: list[T] = []
        while self._instants and self._instants[0] <= now:
            first = heappop(self._instants)
            for item in self._rows.pop(first):
                if item.alarm == first:
                    item.alarm = math.inf
                    rung.append(item)
        return rung

    def _sweep(self) -> None:
        """Remove replaced and cancelled objects, seldom enough that setting an alarm stays O(1) amortised."""
        kept = {when: [item for item in row if item.alarm == when] for when, row in self._rows.items()}
        self._rows = {when: row for when, row in kept.items() if row}
        self._instants = list(self._rows)
        heapify(self._instants)
        self._until_sweep = 3 * len(self) + ROOM
