"""One alarm per object on a heap."""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar


class Alarmed:
    """An object that can have one alarm at a time."""

    __slots__ = ("alarm",)

    def __init__(self) -> None:
        self.alarm = 0


T = TypeVar("T", bound=Alarmed)


class Alarms(Generic[T]):
    """Alarms by time. Setting one replaces the object's earlier alarm.

    What was replaced or cancelled stays on the heap, known by its old number, until its time comes or until
    most of the heap is of that sort.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._last = 0
        self._live = 0

    def __len__(self) -> int:
        return self._live

    def set(self, item: T, when: float) -> None:
        """Ring for ``item`` at ``when``."""
        self.cancel(item)
        self._last += 1
        self._live += 1
        item.alarm = self._last
        heappush(self._heap, (when, item.alarm, item))

    def cancel(self, item: T) -> None:
        """Ring for ``item`` no more."""
        if not item.alarm:
            return
        item.alarm = 0
        self._live -= 1
        if len(self._heap) > 4 * self._live + 1024:
            self._heap = [row for row in self._heap if row[2].alarm == row[1]]
            heapify(self._heap)

    def next(self) -> float:
        """Return when the next alarm rings; infinity where there is none."""
        heap = self._heap
        while heap and heap[0][2].alarm != heap[0][1]:
            heappop(heap)
        return heap[0][0] if heap else math.inf

    def take(self, now: float) -> list[T]:
        """Remove the alarms that have rung, and return their objects in order."""
        rung: list[T] = []
        while self.next() <= now:
            item = heappop(self._heap)[2]
            item.alarm = 0
            self._live -= 1
            rung.append(item)
        return rung
