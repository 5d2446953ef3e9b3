"""When a key is probed: pure arithmetic, seconds of the monotonic clock.

Each key has slots ``phase + k x interval``, k any integer. The phase comes from the key's text, so that it is
the same after a restart, and the probes of a large inventory spread evenly over their interval. Phases are
multiples of TOGETHER: probes that begin at one instant share a wake-up and their answers mostly another, and
with a few hundred members waking up costs more than probing.
"""

from __future__ import annotations

import math
from zlib import crc32

from clusterlb.model.health import ProbeKey

FIRST_ROUND = 1.0
TOGETHER = 1 / 32  # seconds; a power of two, so that the sums are exact


def spread(key: ProbeKey) -> float:
    """Return the key's place in [0, 1) within every interval."""
    spec = key.spec
    mark = f" {key.through.mark}" if key.through else ""
    text = f"{spec.type.value} {key.endpoint} {spec.interval} {spec.timeout}{mark}"
    return crc32(text.encode()) / 2**32


def phase(key: ProbeKey) -> float:
    """Return how many seconds into its intervals the key's slots lie."""
    place = spread(key) * key.spec.interval
    return place - place % TOGETHER


def first_start(key: ProbeKey, now: float) -> float:
    """Return when a new key is probed first: within the next second, however long its interval is."""
    return now + spread(key) * min(key.spec.interval, FIRST_ROUND)


def slot_after_first(phase: float, interval: float, first: float) -> float:
    """Return the slot that follows the first probe, half an interval later at the least."""
    return phase + math.ceil((first + interval / 2 - phase) / interval) * interval


def catch_up(slot: float, interval: float, now: float) -> tuple[float, int]:
    """Return the latest slot from ``slot`` on that has begun, and how many were missed before it.

    A slot that has not begun comes back as it is.
    """
    if now - slot < interval:  # nearly always
        return slot, 0
    missed = math.floor((now - slot) / interval)
    return slot + missed * interval, missed
