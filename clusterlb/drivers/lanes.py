"""The names of the lane interfaces, and the metrics of the routes over them."""

from __future__ import annotations

from collections.abc import Set

from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.marks import LANE_METRICS
from clusterlb.model.ospf import OUR_INTERFACES, Lane

# IFNAMSIZ leaves 15 characters for a name (include/uapi/linux/if.h).
_NAMES = {lane: f"{OUR_INTERFACES}{lane.value}" for lane in Lane}
# Each lane has a metric of its own: a VIP can be on two, and the kernel and zebra prefer the better one.
_METRICS = dict(zip((Lane.ACTIVE, Lane.STANDBY, Lane.DRAINED), LANE_METRICS, strict=True))


def lane_interface(lane: Lane) -> str:
    """Return the name of a lane's interface, such as ``clb-active``."""
    return _NAMES[lane]


def lane_peer(lane: Lane) -> str:
    """Return the name of the far end of a lane that is a veth pair."""
    return f"{_NAMES[lane]}-x"


def lane_metric(lane: Lane) -> int:
    """Return the kernel's metric of a VIP's route over a lane."""
    return _METRICS[lane]


def is_in_force(vip: IPAddress, route: bool, external: Set[AddressFamily] | None) -> bool:
    """Say whether an address (or a route) is the form in which a VIP's family is announced; None: either."""
    return external is None or (family_of(vip) in external) is route
