"""The status of a director that is well, and others that differ from it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import Any

from clusterlb.model.address import Endpoint
from clusterlb.model.check import VerdictState
from clusterlb.model.ospf import OspfVersion
from clusterlb.model.reason import Reason
from clusterlb.model.status import (
    EngineStatus,
    FrrStatus,
    InventoryStatus,
    IpvsStatus,
    MemberStatus,
    NeighborStatus,
    ServedVip,
    ServiceStatus,
    Status,
)

NEIGHBOR = NeighborStatus(
    router_id="10.1.0.254", interface="e0", state="Full/DR", protocol=OspfVersion.V2, full=True
)
WELL = Status(
    director="d1",
    version="0",
    router_id=IPv4Address("10.1.0.1"),
    cluster="edge",
    fit=True,
    inventory=InventoryStatus(path="inventory.yaml", digest="1"),
    frr=FrrStatus(answers=True, neighbors=(NEIGHBOR,), full={OspfVersion.V2: 1}),
    ipvs=IpvsStatus(answers=True),
    checks=EngineStatus(alive=True),
)


def member(text: str = "10.2.0.101:8080", **changes: Any) -> MemberStatus:
    """Return a member that refuses connections."""
    refuses = {"verdict": VerdictState.DOWN, "weight": 0, "active": 0, "inactive": 0}
    return MemberStatus(
        **{"member": Endpoint.parse(text), "because": "connection refused", **refuses, **changes}
    )


def vip(address: str = "10.100.0.1", *members: MemberStatus, pool: str = "web", **changes: Any) -> ServedVip:
    """Return a VIP of which one TCP service is known, if its members are given."""
    service = ServiceStatus(service=f"tcp {address}:80", protocol="tcp", pool=pool, members=members)
    fields = {"reason": Reason.FIT, "services": (service,) if members else (), **changes}
    return ServedVip(vip=ip_address(address), **fields)


def status(**changes: Any) -> Status:
    """Return the status of a director that is well but for the changes."""
    return replace(WELL, **changes)
