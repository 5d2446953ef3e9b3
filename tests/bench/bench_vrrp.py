"""How long nobody answers for a VIP that VRRP moves, at the default interval; two real vrrpd on one segment.

A client pings the VIP every 5 ms. The time is the longest between two answers. The director that dies keeps
its link: with its link down, the switch would flood what it has for the group's MAC, and the backup's kernel
answers before vrrpd has taken over.
"""

from __future__ import annotations

import asyncio
import re
import signal
import statistics
import subprocess
from itertools import pairwise

from tests.bench.figures import Figure, main
from tests.frr.conftest import sh
from tests.support.vrrp_segment import DRAINED, HANGS, VIP, Segment, settled, until

ROUNDS = 5
EVERY = 0.005


def measure() -> list[Figure]:
    """Measure all of this file's figures."""
    with Segment("e0", name="clbb") as segment:
        return asyncio.run(_measure(segment))


async def _measure(segment: Segment) -> list[Figure]:
    first, second = segment.directors
    await first.stand()
    await second.stand()
    await settled(first, second)
    drains, deaths = [], []
    for _ in range(ROUNDS):
        ping = await _ping(segment)
        await first.stand(vip=DRAINED)
        await until(second, vip="master")
        drains.append(await _gap(ping))
        await first.stand()
        await settled(first, second)
        ping = await _ping(segment)
        first.router.signal("vrrpd", signal.SIGSTOP)
        sh("ip", "netns", "exec", first.router.name, "nft", HANGS)
        await until(second, vip="master")
        deaths.append(await _gap(ping))
        sh("ip", "netns", "exec", first.router.name, "nft", "delete table inet hangs")
        first.router.signal("vrrpd", signal.SIGCONT)
        await settled(first, second)
    return [
        Figure("vrrp_takeover_ms", statistics.median(deaths), "ms", 1000, max(deaths)),
        Figure("vrrp_drain_gap_ms", statistics.median(drains), "ms", 100, max(drains)),
    ]


async def _ping(segment: Segment) -> asyncio.subprocess.Process:
    argv = ["ip", "netns", "exec", segment.switch.name, "ping", "-D", "-n", "-i", str(EVERY), str(VIP)]
    ping = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    await asyncio.sleep(0.3)
    return ping


async def _gap(ping: asyncio.subprocess.Process) -> float:
    """End a ping; return the longest time between two answers, in milliseconds."""
    await asyncio.sleep(0.5)
    ping.send_signal(signal.SIGINT)
    out, _ = await ping.communicate()
    times = [float(each) for each in re.findall(rb"^\[([0-9.]+)\] \d+ bytes from", out, re.MULTILINE)]
    return 1000 * max(after - before for before, after in pairwise(times))


if __name__ == "__main__":
    main(measure)
