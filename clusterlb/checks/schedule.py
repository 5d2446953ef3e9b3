"""The runner's state of one probe, and when the probe runs: seconds of the monotonic clock.

Each key has slots ``phase + k x interval``, k any integer. The phase is computed from the key's text, so
that the phase is the same after a restart, and the probes of a large inventory spread evenly over their
interval. Phases are multiples of TOGETHER: probes that start at one instant share a wake-up, and their
answers mostly share another; with a few hundred members, wake-ups cost more than probes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Generic, TypeVar
from zlib import crc32

from clusterlb.checks.alarms import Alarmed
from clusterlb.checks.probe import Probe, Wait
from clusterlb.model.health import ProbeKey

FIRST_ROUND = 1.0
TOGETHER = 1 / 32  # seconds; a power of two, so that the sums are exact

Name = TypeVar("Name", bound=Hashable)


class ScheduledProbe(Alarmed, Generic[Name]):
    """One probe's schedule, and its present or latest run."""

    __slots__ = (
        "before",
        "deadline",
        "free",
        "interval",
        "kind",
        "name",
        "off_grid",
        "phase",
        "probe",
        "queued",
        "removed",
        "running",
        "since",
        "slot",
        "spent",
        "timeout",
        "trouble",
        "waiting",
    )

    def __init__(self, name: Name, key: ProbeKey, probe: Probe, slot: float) -> None:
        super().__init__()
        self.name = name
        self.kind = key.spec.type  # not the key: keys of 10,000 probes take 2 MB
        self.phase = phase(key)
        self.interval = key.spec.interval
        self.timeout = key.spec.timeout
        self.probe = probe
        self.slot = slot
        self.off_grid = True  # the first probe comes before the key's own slots
        self.free = slot  # since when only the engine itself delays the next run
        self.deadline = math.inf
        self.since = math.inf
        self.waiting: Wait | None = None
        self.spent = 0.0  # seconds that judging this run's answer has taken so far
        self.before = 0.0  # half of the last run's seconds, a quarter of those of the run before, and so on
        self.trouble = ""  # why the probe could not be sent, as last reported
        self.queued = False
        self.running = False
        self.removed = False


def spread(key: ProbeKey) -> float:
    """Return the key's position within every interval, as a fraction in [0, 1)."""
    spec = key.spec
    mark = f" {key.through.mark}" if key.through else ""
    text = f"{spec.type.value} {key.endpoint} {spec.interval} {spec.timeout}{mark}"
    return crc32(text.encode()) / 2**32


def phase(key: ProbeKey) -> float:
    """Return the offset of the key's slots within their intervals, in seconds."""
    offset = spread(key) * key.spec.interval
    return offset - offset % TOGETHER


def first_start(key: ProbeKey, now: float) -> float:
    """Return when a new key is probed for the first time: within a second, however long its interval is."""
    return now + spread(key) * min(key.spec.interval, FIRST_ROUND)


def slot_after_first(phase: float, interval: float, first: float) -> float:
    """Return the slot that follows the first probe, at least half an interval later."""
    return phase + math.ceil((first + interval / 2 - phase) / interval) * interval


def catch_up(slot: float, interval: float, now: float) -> tuple[float, int]:
    """Return the latest slot, ``slot`` or a later one, that is not after ``now``, and how many were missed.

    A slot after ``now`` is returned unchanged.
    """
    if now - slot < interval:  # the usual case
        return slot, 0
    missed = math.floor((now - slot) / interval)
    return slot + missed * interval, missed
