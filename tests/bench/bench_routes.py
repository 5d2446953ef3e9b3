"""From a decision to the switch's kernel routing table: real FRR and links in native namespaces.

The decision is the observation that changes a verdict; the end is the netlink message of the route at
the switch. Both times are of one clock.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from ipaddress import ip_address
from pathlib import Path

from tests.bench.figures import Figure, main
from tests.support.route_rig import RTM_DELROUTE, RTM_NEWROUTE, RouteRig, cluster

VIP, SECOND = ip_address("10.100.0.1"), ip_address("10.100.0.2")
ROUNDS = 10


def measure() -> list[Figure]:
    """Measure all of this file's figures."""
    return [*lone_changes(), crash(), second_change()]


def settle(rig: RouteRig, vip, present: bool = True, seconds: float = 30.0) -> None:
    """Wait until the switch has the VIP's route, or has not."""
    end = time.monotonic() + seconds
    while bool(rig.next_hops(vip)) is not present:
        if time.monotonic() > end:
            logs = "\n".join(d.log.read_text()[-2000:] for d in rig.directors.values())
            raise TimeoutError(f"route of {vip} at the switch: not {present} within {seconds} s\n{logs}")
        time.sleep(0.05)


def lone_changes() -> list[Figure]:
    """Announce and withdraw, each alone, at a switch with tuned timers."""
    announce, withdraw = [], []
    with tempfile.TemporaryDirectory() as root, RouteRig(Path(root), cluster(1)) as rig:
        one = rig.directors["d1"]
        one.set_members(True)
        settle(rig, VIP)
        for _ in range(ROUNDS):
            time.sleep(1.4)
            rig.watch.drain()
            withdraw.append(rig.watch.wait_after(one.set_members(False), VIP, RTM_DELROUTE))
            time.sleep(1.4)
            rig.watch.drain()
            announce.append(rig.watch.wait_after(one.set_members(True), VIP, RTM_NEWROUTE))
    return [
        Figure("announce_ms", statistics.median(announce), "ms", 100, max(announce)),
        Figure("withdraw_ms", statistics.median(withdraw), "ms", 100, max(withdraw)),
    ]


def crash() -> Figure:
    """SIGKILL all of a director's FRR daemons at once; the other director keeps the VIP."""
    times = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as root, RouteRig(Path(root), cluster(2)) as rig:
            for director in rig.directors.values():
                director.set_members(True)
            end = time.monotonic() + 30
            while len(rig.next_hops(VIP)) < 2:
                assert time.monotonic() < end, "two next hops never came"
                time.sleep(0.05)
            time.sleep(2)  # let BFD reach its fast rate
            rig.watch.drain()
            at = time.monotonic()
            for pid in rig.routers["d1"].daemons.values():
                os.kill(pid, signal.SIGKILL)
            times.append(rig.watch.wait_after(at, VIP, RTM_NEWROUTE))
            assert rig.next_hops(VIP) == ["10.1.0.2"]
    return Figure("crash_ms", statistics.median(times), "ms", 400, max(times))


def second_change() -> Figure:
    """Change a second VIP 100 ms after a first, which shares its LSA, at a switch with default timers."""
    times = []
    inventory = cluster(1, vips=2)
    with tempfile.TemporaryDirectory() as root, RouteRig(Path(root), inventory, "default") as rig:
        one = rig.directors["d1"]
        one.set_members(True)
        settle(rig, VIP)
        settle(rig, SECOND)
        for number in range(ROUNDS):
            time.sleep(3)
            up = number % 2 == 1
            kind = RTM_NEWROUTE if up else RTM_DELROUTE
            rig.watch.drain()
            one.set_members(up, [0])
            time.sleep(0.1)
            times.append(rig.watch.wait_after(one.set_members(up, [1]), SECOND, kind))
    return Figure("second_change_default_ms", max(times), "ms", 1400, statistics.median(times), "median")


if __name__ == "__main__":
    main(measure)
