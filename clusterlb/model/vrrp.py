"""The devices that VRRP's virtual routers have in the kernel, and what FRR says of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from clusterlb.model.address import IPAddress

# the names of our devices (core.vrrp makes them)
DEVICE = re.compile(r"vrrp[46]-[0-9]+-[0-9a-f]+")


class VrrpState(Enum):
    """What this director is to a virtual router (vrrpd/vrrp.h); UNKNOWN: vrrpd says nothing of it."""

    MASTER = "master"
    BACKUP = "backup"
    INITIALIZE = "initialize"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class VrrpDevice:
    """A macvlan device on ``link`` with a virtual router's ``mac``, which vrrpd holds down on a backup.

    ``address`` is the VIP, None for a virtual router that serves nobody: a second heartbeat.
    """

    name: str
    link: str
    mac: str
    address: IPAddress | None


@dataclass(frozen=True, slots=True)
class VrrpRouter:
    """A virtual router as vrrpd reports it (vrrpd/vrrp_vty.c, vrrp_build_json).

    ``version`` is that of its addresses, 4 or 6. A router in state ``INITIALIZE``
    takes part in no election. ``received`` counts the advertisements of others since vrrpd started.
    """

    interface: str
    vrid: int
    version: int
    state: VrrpState
    received: int
