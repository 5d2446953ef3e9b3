"""How much of its weight a member gets.

Every change of a weight rebuilds the scheduler's table, and directors whose tables differ send flows to
different members: so weights move in few steps, a quarter of the nominal weight each. A member with weight 1
has no steps between nothing and all.
"""

from __future__ import annotations

import math

STEPS = 4


def in_steps(share: float) -> int:
    """Return a share in per cent, rounded up to whole steps; only 0 is 0."""
    return min(100, max(0, math.ceil(share * STEPS / 100)) * (100 // STEPS))


def weight(nominal: int, share: int) -> int:
    """Return a share, in per cent, of a nominal weight: 1 at the least unless either is 0."""
    return max(1, (nominal * share + 50) // 100) if nominal and share else 0


def slow_start(since: float, now: float, duration: float) -> tuple[int, float | None]:
    """Return the share, in per cent, of a member that recovered at ``since``, and when it grows next.

    It begins with one step and has grown to all after ``duration`` seconds; then the time is None.
    """
    if duration <= 0:
        return 100, None
    step = duration / STEPS
    done = max(0, math.floor((now - since) / step + 1e-9))
    if done >= STEPS - 1:
        return 100, None
    return (done + 1) * (100 // STEPS), since + (done + 1) * step
