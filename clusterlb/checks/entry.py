"""The runner's state of one probe."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Generic, TypeVar

from clusterlb.checks.alarms import Alarmed
from clusterlb.checks.probe import Probe, Wait
from clusterlb.checks.schedule import phase
from clusterlb.model.health import ProbeKey

Name = TypeVar("Name", bound=Hashable)


class Entry(Alarmed, Generic[Name]):
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
