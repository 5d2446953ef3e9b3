"""Lanes in the kernel: the far end of a veth pair, the metrics of routes, and which form a VIP has."""

from __future__ import annotations

from collections.abc import Set

from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.marks import LANE_METRICS
from clusterlb.model.ospf import Lane

# Each lane has a metric of its own: a VIP can be on two, and the kernel and zebra prefer the better one.
_METRICS = dict(zip((Lane.ACTIVE, Lane.STANDBY, Lane.DRAINED), LANE_METRICS, strict=True))


def lane_peer(lane: Lane) -> str:
    """Return the name of the far end of a lane that is a veth pair."""
    return f"{lane.interface}-x"


def lane_metric(lane: Lane) -> int:
    """Return the kernel's metric of a VIP's route over a lane."""
    return _METRICS[lane]


def is_in_force(vip: IPAddress, route: bool, external: Set[AddressFamily] | None) -> bool:
    """Say whether an address (or a route) is the form in which a VIP's family is announced; None: either."""
    return external is None or (family_of(vip) in external) is route
