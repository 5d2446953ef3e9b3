"""The check engine under load: TCP members on loopback, probed by a real engine process.

One listening socket on 0.0.0.0 is every member: each has its own address in 127.0.0.0/8.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from bisect import bisect_left
from ipaddress import IPv4Address
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

from clusterlb.checks.client import EngineClient
from clusterlb.checks.stats import LAG_BUCKETS
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.inventory import CheckSpec, Endpoint

Figure = tuple[str, float, str]
FIRST_MEMBER = int(IPv4Address("127.1.0.0"))


def measure(members: int = 2000, interval: float = 2.0, seconds: float = 8.0) -> list[Figure]:
    """Return lag, share of one core and resident memory, after a warm-up.

    The lag's p99 is the upper end of its bucket; beside it stand the median and the worst second's own p99.
    """
    with socket.create_server(("0.0.0.0", 0), backlog=4096) as listener:
        port = listener.getsockname()[1]
        spec = CheckSpec(interval=interval, timeout=1.0)
        keys = [ProbeKey(Endpoint(IPv4Address(FIRST_MEMBER + n), port), spec) for n in range(members)]
        return asyncio.run(_measure(keys, seconds))


async def _measure(keys: list[ProbeKey], seconds: float) -> list[Figure]:
    bad: list[Observation] = []
    seen = 0

    def note(_: ProbeKey, observation: Observation) -> None:
        nonlocal seen
        seen += 1
        if not observation.ok:
            bad.append(observation)

    client = EngineClient(note, lambda text, facts: None)
    await client.start()
    client.set_probes(keys)
    await asyncio.sleep(keys[0].spec.interval + 1)
    assert client.pid is not None
    before, own, count = _cpu(client.pid), _cpu(os.getpid()), seen
    lags: list[dict[str, Any]] = [client.stats]
    heard = client.last_heartbeat
    begin = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < begin + seconds:
        await asyncio.sleep(0.1)
        if client.last_heartbeat != heard:
            heard = client.last_heartbeat
            lags.append(client.stats)
    took = asyncio.get_running_loop().time() - begin
    share = (_cpu(client.pid) - before) / took
    controller_share = (_cpu(os.getpid()) - own) / took
    rss = _rss(client.pid)
    await client.close()
    return [
        ("check_lag_p99_ms", _p99(lags[0]["lag_buckets"], lags[-1]["lag_buckets"]) * 1000, "ms"),
        ("check_lag_p99_median_second_ms", median(s["lag_p99"] for s in lags[1:]) * 1000, "ms"),
        ("check_lag_p99_worst_second_ms", max(s["lag_p99"] for s in lags[1:]) * 1000, "ms"),
        ("check_core_share", share, "cores"),
        ("check_rss_mb", rss, "MB"),
        ("check_client_core_share", controller_share, "cores"),
        ("check_rate", (seen - count) / took, "probes/s"),
        ("check_failed", len(bad), "probes"),
        ("check_skipped", lags[-1]["skipped"], "slots"),
    ]


def _p99(before: list[int], after: list[int]) -> float:
    counts = [late - early for early, late in zip(before, after, strict=True)]
    up_to = list(accumulate(counts))
    return (*LAG_BUCKETS, float("inf"))[bisect_left(up_to, 0.99 * up_to[-1])]


def _cpu(pid: int) -> float:
    """Return the seconds of CPU a process has used, user and system (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    """Return a process's resident memory in MB (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=2000)
    parser.add_argument("--interval", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=8.0)
    arguments = parser.parse_args()
    for name, value, unit in measure(arguments.members, arguments.interval, arguments.seconds):
        print(f"BENCH {name} {value:.3f} {unit}")


if __name__ == "__main__":
    main()
