"""The first start of a director that announces over IPv6: from nothing to the switch's route, OSPFv3.

FRR's daemons and the controller start, FRR has no configuration, and the members are up at once. The switch
has run for a while. IPv4 beside it, for comparison.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory, Member, Service, Vip
from clusterlb.model.ipvs import Protocol
from tests.bench.figures import Figure, main
from tests.support.route_rig import RouteRig, cluster

VIP4, VIP6 = ip_address("10.100.0.1"), ip_address("fd00:100::1")
ROUNDS = 5


def measure() -> list[Figure]:
    """Measure all of this file's figures."""
    took4, took6 = zip(*(first_start() for _ in range(ROUNDS)), strict=True)
    return [
        Figure("announce_ipv6_s", statistics.median(took6), "s", 6, max(took6)),
        Figure("announce_first_start_s", statistics.median(took4), "s", None, max(took4)),
    ]


def dual_stack() -> Inventory:
    """Return one director with the same service on an IPv4 and an IPv6 VIP."""
    inventory = cluster(1, ipv6=True)
    pool = replace(inventory.pools["p0"], name="p6", members=(Member(ip_address("fd00:2::1"), 80),))
    return replace(
        inventory,
        pools={**inventory.pools, "p6": pool},
        vips={**inventory.vips, VIP6: Vip(VIP6, (Service(Protocol.TCP, 80, "p6"),))},
    )


def first_start() -> tuple[float, float]:
    """Return the seconds until the switch has the route of the IPv4 VIP, and of the IPv6 one."""
    with tempfile.TemporaryDirectory() as root, RouteRig(Path(root), dual_stack(), late=True) as rig:
        time.sleep(4)  # the switch's own wait for a designated router
        rig.watch.drain()
        started = time.monotonic()
        rig.begin("d1")
        rig.directors["d1"].set_members(True)
        seen: dict[IPAddress, float] = {}
        while len(seen) < 2 and time.monotonic() < started + 90:
            for vip in (VIP4, VIP6):
                if vip not in seen and rig.next_hops(vip):
                    seen[vip] = time.monotonic() - started
            time.sleep(0.02)
        return seen[VIP4], seen[VIP6]


if __name__ == "__main__":
    main(measure)
