"""Many changes at once, and one check that flaps: what of it reaches the switch, and when.

The beginning is the observations that change the verdicts, made in one turn of the controller's loop; the end
is the switch's kernel route of the last VIP. A flapping check is counted in instances of its director's LSA.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, main
from tests.support.cluster_rig import ClusterDirector, ClusterRig, inventory, vips_of

VIPS = vips_of(100)
ROUNDS = 6
PACE = 1.2
FLAP, FLAPPING = 0.2, 30.0
PATIENCE = 30.0


def measure() -> list[Figure]:
    """Measure all of this file's figures."""
    return [
        mass_change("mass_change_default_ms", "default", 1000 * PACE + 500),
        mass_change("mass_change_tuned_ms", "tuned", 700),
        flap(),
    ]


def mass_change(name: str, timers: str, bound: float) -> Figure:
    """Change the verdicts of 100 VIPs' only members at once, down and up again in turn."""
    times = []
    cluster = inventory(1, len(VIPS), pace=PACE)
    with tempfile.TemporaryDirectory() as root, ClusterRig(Path(root), cluster, timers) as rig:
        (one,) = rig.directors
        one.start()
        settle(rig, up=True)
        for number in range(ROUNDS):
            time.sleep(3)
            up = number % 2 == 1
            began = one.members(up)
            times.append((settle(rig, up=up) - began) * 1000)
    return Figure(name, statistics.median(times), "ms", bound, max(times))


def settle(rig: ClusterRig, *, up: bool) -> float:
    """Wait until the switch has every VIP's route, or none; return when the last one changed."""
    end = time.monotonic() + PATIENCE
    while any(bool(rig.history.hops(vip)) is not up for vip in VIPS):
        if time.monotonic() > end:
            raise TimeoutError(f"routes at the switch: not all {up} within {PATIENCE} s\n{rig.logs()}")
        time.sleep(0.02)
    return rig.history.seen[-1][0]


def flap() -> Figure:
    """Let a check change its mind all the time, where one failure and one success are verdicts."""
    with tempfile.TemporaryDirectory() as root, ClusterRig(Path(root), inventory(1, pace=PACE)) as rig:
        (one,) = rig.directors
        one.start()
        time.sleep(5)
        before, began = instances(rig, one), time.monotonic()
        up = True
        while time.monotonic() - began < FLAPPING:
            up = not up
            one.members(up)
            time.sleep(FLAP)
        one.members(True)
        time.sleep(2 * PACE)
        return Figure("flap_lsas", instances(rig, one) - before, "LSAs", FLAPPING / PACE + 1)


def instances(rig: ClusterRig, one: ClusterDirector) -> int:
    """Return the sequence number of a director's router LSA in the switch's database."""
    router = rig.inventory.directors[one.name].router_id
    text = rig.switch.vtysh(f"show ip ospf database router {router}")
    (number,) = re.findall(r"LS Seq Number: ([0-9a-f]+)", text)
    return int(number, 16)


if __name__ == "__main__":
    main(measure)
