"""The state an inventory asks for when every member is up."""

from __future__ import annotations

from clusterlb.core.desired import served
from clusterlb.core.member import MemberState
from clusterlb.core.programme import service_state
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Inventory
from clusterlb.model.ipvs import ServiceKey, ServiceState


def full_state(inventory: Inventory) -> dict[ServiceKey, ServiceState]:
    """Return every service with all of its members at their nominal weight."""
    states = {}
    for key, (vip, service) in served(inventory).items():
        pool = inventory.pools[service.pool]
        everyone = (MemberState(VerdictState.UP),) * len(pool.members)
        states[key] = service_state(vip, service, pool, everyone, None)
    return states
