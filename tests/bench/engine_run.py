"""Run a check engine for a while, from another process, and read what it took."""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from clusterlb.checks.client import EngineClient, engine_command
from clusterlb.checks.stats import LAG_BUCKETS
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.status import EngineStatus

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class EngineRun:
    """CPU in cores, the engine's in user space and in the kernel, and the reader's both; resident memory in
    MB; observations a second, all of them good; how late probes began in seconds: 99th percentile (upper end
    of its bucket), that of the worst second, and the latest; and the slots that were not probed at all.
    """

    user: float
    kernel: float
    reader_cores: float
    rss: float
    rate: float
    lag_p99: float
    lag_p99_worst_second: float
    lag_max: float
    left_out: int

    @property
    def cores(self) -> float:
        """Return the engine's CPU, user and kernel."""
        return self.user + self.kernel


def run_engine(keys: Sequence[ProbeKey], seconds: float, prefix: Sequence[str] = ()) -> EngineRun:
    """Probe, and measure for ``seconds`` from the third round on; a command ``prefix`` starts the engine."""
    return asyncio.run(_run(keys, seconds, [*prefix, *engine_command(beat=1.0)]))


async def _run(keys: Sequence[ProbeKey], seconds: float, command: list[str]) -> EngineRun:
    seen, bad = 0, []

    def note(_: ProbeKey, observation: Observation) -> None:
        nonlocal seen
        seen += 1
        if not observation.ok:
            bad.append(observation)

    client = EngineClient(note, lambda text, facts: None, command=command)
    await client.start()
    client.set_probes(keys)
    async with asyncio.timeout(PATIENCE):
        while client.stats.passed < 2 * len(keys):  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.1)
    assert client.pid is not None
    clock = asyncio.get_running_loop().time
    first = client.stats
    begin, heard, seen = clock(), client.last_heartbeat, 0
    user, kernel = cpu_times(client.pid)
    reader = cpu_seconds(os.getpid())
    beats: list[EngineStatus] = []
    while clock() < begin + seconds:
        await asyncio.sleep(0.1)
        if client.last_heartbeat != heard:
            heard = client.last_heartbeat
            beats.append(client.stats)
    took = clock() - begin
    user_end, kernel_end = cpu_times(client.pid)
    run = EngineRun(
        user=(user_end - user) / took,
        kernel=(kernel_end - kernel) / took,
        reader_cores=(cpu_seconds(os.getpid()) - reader) / took,
        rss=rss_mb(client.pid),
        rate=seen / took,
        lag_p99=_p99(first.lag_buckets, beats[-1].lag_buckets),
        lag_p99_worst_second=max(beat.lag_p99 for beat in beats),
        lag_max=max(beat.lag_max for beat in beats),
        left_out=_left_out(beats[-1]) - _left_out(first),
    )
    await client.close()
    assert not bad, f"{len(bad)} of the probes failed: {bad[0]}"
    return run


def _left_out(stats: EngineStatus) -> int:
    return stats.skipped + stats.overlapped + stats.dropped


def cpu_seconds(pid: int) -> float:
    """Return the seconds of CPU that a process has used, user and kernel."""
    return sum(cpu_times(pid))


def cpu_times(pid: int) -> tuple[float, float]:
    """Return the seconds of CPU that a process has used in user space, and in the kernel (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB; 0 when it has ended (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0) / 1024


def _p99(before: Sequence[int], after: Sequence[int]) -> float:
    counts = [late - early for early, late in zip(before, after, strict=True)]
    up_to = list(accumulate(counts))
    return (*LAG_BUCKETS, float("inf"))[bisect_left(up_to, 0.99 * up_to[-1])]
