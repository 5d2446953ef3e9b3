"""The state a director should be in, given everything that is known.

Only the services and VIPs asked for are worked out, so that one member's change costs what that
member's services cost and nothing that grows with the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from clusterlb.core.announce import Decision, decide
from clusterlb.core.programme import member_states, service_state
from clusterlb.core.quorum import Standing, standing
from clusterlb.model.address import IPAddress
from clusterlb.model.health import ProbeKey, Verdict
from clusterlb.model.inventory import Inventory, Lane, Service, Vip
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.reason import Because
from clusterlb.model.state import DirectorState, FrrLine

Served = Mapping[ServiceKey, tuple[Vip, Service]]


@dataclass(frozen=True, slots=True)
class View:
    """What is known: the checks' verdicts, how pools stand, and the director's own condition.

    ``services`` is what the kernel holds, ``unprogrammed`` why a VIP's services are not as planned;
    ``frr`` and ``sysctls`` are what the inventory renders to and needs.
    """

    verdicts: Mapping[ProbeKey, Verdict] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    services: Mapping[ServiceKey, ServiceState] = field(default_factory=dict)
    director_unfit: Because | None = None
    unprogrammed: Mapping[IPAddress, str] = field(default_factory=dict)
    frr: tuple[FrrLine, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)


def served(inventory: Inventory) -> dict[ServiceKey, tuple[Vip, Service]]:
    """Return every virtual service of an inventory with the VIP and service it comes from."""
    return {s.key(vip.address): (vip, s) for vip in inventory.vips.values() for s in vip.services}


def stand(
    inventory: Inventory,
    names: Collection[str],
    verdicts: Mapping[ProbeKey, Verdict],
    fit: Collection[str],
) -> dict[str, Standing]:
    """Return how these pools stand; ``fit`` names those that were fit before."""
    return {
        name: standing(
            inventory.pools[name].quorum, member_states(inventory.pools[name], verdicts), name in fit
        )
        for name in names
    }


def adopted(inventory: Inventory, announced: Collection[IPAddress]) -> set[str]:
    """Return the pools to take for fit at the start: those behind a VIP that is announced already."""
    return {
        service.pool for vip in announced if vip in inventory.vips for service in inventory.vips[vip].services
    }


def decisions(inventory: Inventory, vips: Collection[IPAddress], view: View) -> dict[IPAddress, Decision]:
    """Decide each of these VIPs that the inventory has."""
    return {
        address: decide(
            inventory.vips[address],
            inventory.pools,
            view.standings,
            prefixes=inventory.cluster.vip_prefixes,
            director_unfit=view.director_unfit,
            unprogrammed=view.unprogrammed.get(address, ""),
        )
        for address in vips
        if address in inventory.vips
    }


def desired(
    inventory: Inventory,
    services: Served,
    keys: Collection[ServiceKey],
    decided: Mapping[IPAddress, Decision],
    view: View,
) -> DirectorState:
    """Return the part of the desired state that concerns these services and the VIPs decided.

    ``services`` is ``served(inventory)``, worked out once an inventory.
    """
    wanted: dict[ServiceKey, ServiceState] = {}
    for key in keys:
        if key in services:
            vip, service = services[key]
            pool = inventory.pools[service.pool]
            states = member_states(pool, view.verdicts)
            wanted[key] = service_state(vip, service, pool, states, view.services.get(key))
    return DirectorState(
        sysctls=view.sysctls,
        services=wanted,
        local_routes=frozenset(decided),
        lanes=frozenset(Lane),
        frr=view.frr,
        announced={vip: decision.lanes for vip, decision in decided.items() if decision.lanes},
    )
