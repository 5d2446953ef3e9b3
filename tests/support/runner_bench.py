"""A runner of probes on a clock driven by hand, and probes that end when a test says so."""

from __future__ import annotations

import os
import select
import time
from ipaddress import ip_address

from clusterlb.checks.probe import Result, Wait
from clusterlb.checks.runner import Runner
from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A probe that waits on an eventfd; ``answer`` lets it end, ``fails`` says how it starts."""

    def __init__(self, key: ProbeKey) -> None:
        self.key = key
        self.fd = -1
        self.starts = 0
        self.elapsed = -1.0
        self.fails: list[Exception] = []

    def start(self) -> Wait | Result:
        if self.fails:
            raise self.fails.pop(0)
        assert self.fd == -1, "two probes of one key at once"
        self.starts += 1
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        return Wait(self.fd, select.EPOLLIN)

    def answer(self) -> None:
        os.eventfd_write(self.fd, 1)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        os.eventfd_read(self.fd)
        self.elapsed = elapsed
        return Result(True, "answered")

    def on_deadline(self) -> Result:
        return Result(False, "timed out")

    def close(self) -> None:
        if self.fd != -1:
            os.close(self.fd)
            self.fd = -1


class Bench:
    """A runner on a clock driven by hand."""

    def __init__(self, limit: int = 100) -> None:
        self.clock = Clock()
        self.probes: dict[ProbeKey, Scripted] = {}
        self.runner: Runner[ProbeKey] = Runner(limit, self.clock, self.make)

    def make(self, key: ProbeKey) -> Scripted:
        return self.probes.setdefault(key, Scripted(key))

    def pass_time(self, seconds: float, tick: float = 0.05) -> list:
        seen = self.runner.step(0)
        for _ in range(round(seconds / tick)):
            self.clock.now += tick
            seen += self.runner.step(0)
        return seen


def make_key(
    number: int = 1, interval: float = 2.0, timeout: float = 1.0, address: str = "127.0.0.1"
) -> ProbeKey:
    return ProbeKey(Endpoint(ip_address(address), number), ProbeSpec(interval=interval, timeout=timeout))


def start(bench, keys) -> None:
    bench.runner.set_probes(keys)
    while bench.runner.running < len(keys):
        bench.pass_time(0.05)


def observe(runner: Runner, count: int, seconds: float = 20.0) -> list:
    """Step a runner on the real clock until it has made ``count`` observations."""
    seen: list = []
    until = time.monotonic() + seconds
    while len(seen) < count and time.monotonic() < until:
        seen += runner.step(0.1)
    return seen
