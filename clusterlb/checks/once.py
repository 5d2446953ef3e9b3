"""Probe some keys once, now, in this process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clusterlb.checks.runner import Runner
from clusterlb.model.health import Observation, ProbeKey

PATIENCE = 1.0  # seconds beyond the longest timeout


@dataclass(frozen=True, slots=True)
class Once:
    """What one round saw; a key without an observation could not be probed, for one of the ``reasons``."""

    seen: Mapping[ProbeKey, Observation]
    reasons: tuple[str, ...]


def once(keys: Iterable[ProbeKey]) -> Once:
    """Probe each key once, all at the same time; it takes as long as the slowest, its timeout at most."""
    wanted = tuple(dict.fromkeys(keys))
    seen: dict[ProbeKey, Observation] = {}
    runner: Runner[ProbeKey] = Runner(max(1, len(wanted)))
    runner.set_probes(wanted)
    for key in wanted:
        runner.check_now(key)
    until = time.monotonic() + max((key.spec.timeout for key in wanted), default=0.0) + PATIENCE
    try:
        while len(seen) + sum(runner.counters.unsent.values()) < len(wanted) and time.monotonic() < until:
            for key, observation in runner.step(0.1):
                seen.setdefault(key, observation)
    finally:
        runner.close()
    reasons = (*runner.counters.unsent, *(["an error in the check itself"] if runner.counters.broken else []))
    return Once(seen, reasons)
