"""The names of the lane interfaces."""

from __future__ import annotations

from clusterlb.model.inventory import Lane

# IFNAMSIZ leaves 15 characters for a name (include/uapi/linux/if.h).
_NAMES = {lane: f"clb-{lane.value}" for lane in Lane}


def lane_interface(lane: Lane) -> str:
    """Return the name of a lane's interface, such as ``clb-active``."""
    return _NAMES[lane]


def lane_peer(lane: Lane) -> str:
    """Return the name of the far end of a lane that is a veth pair."""
    return f"{_NAMES[lane]}-x"
