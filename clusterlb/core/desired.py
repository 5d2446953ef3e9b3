"""The state that a director should be in, given everything that is known and what follows from it.

Only the services and VIPs that are asked for are worked out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from clusterlb.core.anchors import anchor_service_state
from clusterlb.core.announce import Decision
from clusterlb.core.assessment import Assessment
from clusterlb.core.known import Known
from clusterlb.core.member import MemberState
from clusterlb.core.programme import probe_service_state, service_state
from clusterlb.core.served import Served, served
from clusterlb.core.vrrp import standing
from clusterlb.model.address import IPAddress
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Inventory, Vrrp
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.ospf import Lane
from clusterlb.model.state import DirectorState


def full_state(inventory: Inventory) -> dict[ServiceKey, ServiceState]:
    """Return every service with all of its members at their nominal weight."""
    states = {}
    for key, (vip, service) in served(inventory).items():
        pool = inventory.pools[service.pool]
        everyone = (MemberState(VerdictState.UP),) * len(pool.members)
        states[key] = service_state(vip, service, pool, everyone, None)
    return states


def desired(
    inventory: Inventory,
    services: Served,
    keys: Collection[ServiceKey],
    vips: Collection[IPAddress],
    known: Known,
    assessment: Assessment,
) -> DirectorState:
    """Return the part of the desired state that concerns these services and VIPs.

    ``services`` is ``served(inventory)``, worked out once an inventory.
    """
    decided = {vip: assessment.decided[vip] for vip in vips if vip in assessment.decided}
    wanted: dict[ServiceKey, ServiceState] = {}
    for key in sorted(keys, key=str):  # so that equal states have equal plans
        if key in services:
            vip, service = services[key]
            pool = inventory.pools[service.pool]
            wanted[key] = service_state(
                vip,
                service,
                pool,
                assessment.members[pool.name],
                known.services.get(key),
                now=assessment.standings.get(pool.name),
                idle=known.idle.get(key, ()),
                emptying={one: known.now < until for one, until in known.emptying.get(key, {}).items()},
                settled=known.settled,
            )
        elif key in known.roster.probe_services:
            wanted[key] = probe_service_state(known.roster.probe_services[key])
        elif key in known.bindings:
            binding, have = known.bindings[key], known.services.get(key)
            state = anchor_service_state(inventory, services, key, binding, have)
            if state is not None:
                wanted[key] = state
    return DirectorState(
        sysctls=known.sysctls,
        services=wanted,
        local_routes=frozenset(decided),
        lanes=frozenset(Lane),
        frr=standing(known.frr, known.groups, _lanes(assessment.decided)),
        devices=frozenset(group.device for group in known.groups),
        timeouts=known.timeouts,
        rules=known.rules,
        peers=known.peers,
        announced={
            vip: lanes for vip, lanes in _lanes(decided).items() if lanes and not _by_vrrp(inventory, vip)
        },
    )


def _lanes(decided: Mapping[IPAddress, Decision]) -> dict[IPAddress, frozenset[Lane]]:
    return {vip: decision.lanes for vip, decision in decided.items()}


def _by_vrrp(inventory: Inventory, vip: IPAddress) -> bool:
    """Say whether VRRP moves a VIP; no OSPF lane has its address then."""
    return vip in inventory.vips and isinstance(inventory.vips[vip].ha, Vrrp)
