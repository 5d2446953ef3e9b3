"""What the engine counts about itself."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Counts since the start.

    ``started`` splits into ``passed``, ``failed``, those without a result and those still running.
    ``skipped``: slots the engine came too late for. ``overlapped``: slots that fell into a longer probe of
    the same key. ``postponed``: starts put off for want of descriptors, buffers or memory. ``unsent``:
    probes the director could not send for other reasons, by errno. ``broken``: probes ended by an error in
    the kind's own code. ``stalls``: times the process stood still for longer than STALL seconds.
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


class LagWindow:
    """How late probes began, in seconds, since the last look."""

    def __init__(self) -> None:
        self._lags: list[float] = []

    def add(self, lag: float) -> None:
        """Note one start."""
        self._lags.append(lag)

    def take(self) -> tuple[float, float]:
        """Return the 99th percentile and the largest, and begin anew; zeros when nothing started."""
        lags = sorted(self._lags)
        self._lags.clear()
        if not lags:
            return 0.0, 0.0
        return lags[(len(lags) * 99 - 1) // 100], lags[-1]
