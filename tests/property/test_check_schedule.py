"""The runner's schedule: no drift, no overlap, one probe per key and interval, whatever the probes do."""

import math
import os
import select
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterlb.checks.probe import Result, Wait
from clusterlb.checks.runner import Runner
from clusterlb.checks.schedule import catch_up, phase
from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey

TICK = 0.01


class World:
    """Probes that answer after a time of their own, on a clock driven by hand."""

    def __init__(self, delays: list[float]) -> None:
        self.now = 500.0
        self.delays = delays
        self.starts: dict[ProbeKey, list[float]] = {}
        self.open: list[tuple[float, int]] = []

    def clock(self) -> float:
        return self.now

    def make(self, key: ProbeKey) -> "Timed":
        return Timed(self, key)

    def tick(self) -> None:
        self.now += TICK
        for due, fd in self.open:
            if due <= self.now:
                os.eventfd_write(fd, 1)
        self.open = [(due, fd) for due, fd in self.open if due > self.now]


class Timed:
    def __init__(self, world: World, key: ProbeKey) -> None:
        self.world, self.key, self.fd = world, key, -1

    def start(self) -> Wait | Result:
        assert self.fd == -1, "two probes of one key at once"
        starts = self.world.starts.setdefault(self.key, [])
        delay = self.world.delays[(self.key.endpoint.port + len(starts)) % len(self.world.delays)]
        starts.append(self.world.now)
        if delay == 0:
            return Result(True, "at once")
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.world.open.append((self.world.now + delay, self.fd))
        return Wait(self.fd, select.EPOLLIN)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        return Result(True, "answered")

    def on_deadline(self) -> Result:
        return Result(False, "timed out")

    def close(self) -> None:
        if self.fd != -1:
            self.world.open = [row for row in self.world.open if row[1] != self.fd]
            os.close(self.fd)
            self.fd = -1


@settings(max_examples=100, deadline=None)
@given(
    intervals=st.lists(st.sampled_from([0.2, 0.5, 1.0, 1.5, 2.0, 3.0]), min_size=1, max_size=8),
    delays=st.lists(st.sampled_from([0.0, 0.01, 0.05, 0.15, math.inf]), min_size=1, max_size=5),
)
def test_every_key_is_probed_once_in_each_of_its_intervals(intervals, delays):
    world = World(delays)
    keys = [
        ProbeKey(Endpoint(ip_address("192.0.2.1"), port), ProbeSpec(interval=interval, timeout=0.15))
        for port, interval in enumerate(intervals, start=1)
    ]
    runner: Runner[ProbeKey] = Runner(100, world.clock, world.make)
    runner.set_probes(keys)
    begin, observed = world.now, 0
    for _ in range(1200):
        world.tick()
        observed += len(runner.step(0))
    for key in keys:
        interval, starts = key.spec.interval, world.starts[key]
        assert begin <= starts[0] <= begin + min(interval, 1.0) + 2 * TICK
        begin_of_slots = phase(key)
        for start in starts[1:]:
            # No drift: however many rounds have passed, a start is within two ticks of a slot of the key.
            late = (start - begin_of_slots) % interval
            assert min(late, interval - late) <= 2 * TICK
        slots = [round((start - begin_of_slots) / interval) for start in starts[1:]]
        assert slots == list(range(slots[0], slots[0] + len(slots))), "a slot left out, or served twice"
        assert world.now - starts[-1] <= interval + 2 * TICK
    counters = runner.counters
    assert counters.started == sum(map(len, world.starts.values())) == observed + runner.running
    assert (counters.skipped, counters.overlapped, counters.stalls) == (0, 0, 0)
    runner.close()


@given(slot=st.floats(0, 1e7), interval=st.floats(0.01, 3600), now=st.floats(0, 1e7))
def test_catching_up_stays_on_the_slots_and_never_ahead(slot, interval, now):
    latest, missed = catch_up(slot, interval, now)
    assert latest == pytest.approx(slot + missed * interval)
    assert missed >= 0
    if now >= slot:
        assert -1e-6 <= now - latest <= interval + 1e-6
    else:
        assert (latest, missed) == (slot, 0)
