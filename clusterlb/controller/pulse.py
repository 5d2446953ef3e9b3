"""Does the controller go on? When each thing that has to recur was last done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

DEADLINE = 60.0  # seconds: the WatchdogSec of the shipped unit
LOOP = "the loop"


@dataclass(slots=True)
class Pulse:
    """Notes what is done; ``clock`` and ``deadline`` are in seconds."""

    clock: Callable[[], float]
    deadline: float = DEADLINE
    _done: dict[str, float] = field(default_factory=dict)

    @property
    def pause(self) -> float:
        """The seconds in which the loop has to turn, so that it is not late while there is nothing to do."""
        return self.deadline / 4

    def beat(self, name: str) -> None:
        """Note that something is done, or that it begins to be watched."""
        self._done[name] = self.clock()

    def watched(self, name: str, work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        """Return work that recurs, so that its last end is noted; one that fails has not ended."""
        self.beat(name)

        async def done() -> None:
            await work()
            self.beat(name)

        return done

    def late(self) -> dict[str, float]:
        """Return what was not done within the deadline, with the seconds since it was."""
        now = self.clock()
        return {name: now - at for name, at in self._done.items() if now - at > self.deadline}
