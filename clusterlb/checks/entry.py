"""What the runner knows of one probe."""

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
        self.kind = key.spec.type  # and not the key: a tcp probe keeps none, nor do 10,000 of them 2 MB
        self.phase = phase(key)
        self.interval = key.spec.interval
        self.timeout = key.spec.timeout
        self.probe = probe
        self.slot = slot
        self.off_grid = True  # the first probe comes before the key's own slots
        self.free = slot  # since when nothing but the engine has kept the next probe waiting
        self.deadline = math.inf
        self.since = math.inf
        self.waiting: Wait | None = None
        self.spent = 0.0  # seconds that this run's judgement has taken so far
        self.before = 0.0  # half of what the run before took, a quarter of the one before that, and so on
        self.trouble = ""  # why it could not be sent, as was told
        self.queued = False
        self.running = False
        self.removed = False
