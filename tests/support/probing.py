"""Drive one probe by hand or through the real Runner."""

import select
import time
from ipaddress import ip_address
from pathlib import Path

from clusterlb.checks.probe import Probe, Result, Wait, make_probe
from clusterlb.checks.runner import Runner
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckType, Options, ProbeSpec
from clusterlb.model.health import Observation, ProbeKey

ELAPSED = 0.00042  # what a probe driven by hand is told that it took


def make_key(
    kind: CheckType, options: Options, address: str = "127.0.0.1", port: int = 0, timeout: float = 20.0
) -> ProbeKey:
    return ProbeKey(Endpoint(ip_address(address), port), ProbeSpec(kind, 0.1, timeout, options))


def advance(probe: Probe, progress: Wait | Result, patience: float = 20.0) -> Result | None:
    """Take a probe on to its end; None when ``patience`` seconds do not bring one."""
    until = time.monotonic() + patience
    while isinstance(progress, Wait):
        poll = select.poll()
        poll.register(progress.fd, progress.events)
        events = poll.poll(max(0.0, until - time.monotonic()) * 1000)
        if not events:
            return None
        progress = probe.on_event(events[0][1], ELAPSED)
    return progress


def run(probe: Probe, patience: float = 20.0) -> Result:
    """Run a probe once; when its end does not come within ``patience`` seconds, by its deadline."""
    try:
        return advance(probe, probe.start(), patience) or probe.on_deadline()
    finally:
        probe.close()


def probe_once(key: ProbeKey, patience: float = 20.0) -> Result:
    return run(make_probe(key), patience)


def observe(keys: list[ProbeKey], count: int, seconds: float = 30.0) -> list[tuple[ProbeKey, Observation]]:
    """Return at least ``count`` observations of keys by the real Runner, or what came within ``seconds``."""
    runner: Runner[ProbeKey] = Runner(100)
    try:
        runner.set_probes(keys)
        seen: list[tuple[ProbeKey, Observation]] = []
        until = time.monotonic() + seconds
        while len(seen) < count and time.monotonic() < until:
            seen += runner.step(0.1)
        assert runner.counters.broken == 0
        return seen
    finally:
        runner.close()


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
