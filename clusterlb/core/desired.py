"""The state a director should be in, given everything that is known.

Only the services and VIPs asked for are worked out, so that one member's change costs what that
member's services cost and nothing that grows with the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from clusterlb.core.announce import Decision, decide, inside
from clusterlb.core.member import MemberDrains, MemberState, Pins, Verdicts, pool_states
from clusterlb.core.place import Surroundings, place
from clusterlb.core.programme import probe_service_state, service_state
from clusterlb.core.quorum import Standing
from clusterlb.core.roster import Roster
from clusterlb.core.vrrp import Group, standing
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.inventory import Director, Inventory, Pool, Service, Vip, Vrrp
from clusterlb.model.ipvs import KEEP_TIMEOUTS, DestinationKey, ProtocolTimeouts, ServiceKey, ServiceState
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because, Reason
from clusterlb.model.rules import NO_RULES, Rules
from clusterlb.model.snat import Peer
from clusterlb.model.state import DirectorState, FrrLine

Served = Mapping[ServiceKey, tuple[Vip, Service]]


@dataclass(frozen=True, slots=True)
class View:
    """What is known at ``now``: the checks' verdicts, how pools stand, and the director's own condition.

    ``services`` is what the kernel holds, ``unprogrammed`` why a VIP's services are not as planned; ``idle``
    the destinations of services that are known to have no connections, ``emptying`` those that are out of the
    table until a time, so that their connections end; ``pins`` and ``drains`` the members an operator has
    pinned or drains; ``around`` the other directors and drains of this one, None where they play no part;
    ``own`` what is decided on addresses of the director's own and ``absent`` those of full NAT that it lacks;
    ``settled``: the start is over, in which only that changes which has to; ``peers`` the directors that SNAT
    flows can be sent to; ``groups`` VRRP's virtual routers here; ``decided`` the decisions on VIPs that
    nobody looks at now; ``frr``, ``sysctls``, ``timeouts`` and ``rules`` are what the inventory renders to
    and needs.
    """

    roster: Roster = field(default_factory=Roster)
    now: float = 0.0
    verdicts: Verdicts = field(default_factory=dict)
    pins: Pins = field(default_factory=dict)
    drains: MemberDrains = field(default_factory=dict)
    around: Surroundings | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)
    services: Mapping[ServiceKey, ServiceState] = field(default_factory=dict)
    idle: Mapping[ServiceKey, frozenset[DestinationKey]] = field(default_factory=dict)
    emptying: Mapping[ServiceKey, Mapping[DestinationKey, float]] = field(default_factory=dict)
    director_unfit: Mapping[AddressFamily, Because] = field(default_factory=dict)
    unprogrammed: Mapping[IPAddress, str] = field(default_factory=dict)
    frr: tuple[FrrLine, ...] = ()
    groups: tuple[Group, ...] = ()
    decided: Mapping[IPAddress, Decision] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    timeouts: ProtocolTimeouts = KEEP_TIMEOUTS
    rules: Rules = NO_RULES
    own: Mapping[IPAddress, Decision] = field(default_factory=dict)
    peers: frozenset[Peer] = frozenset()
    absent: frozenset[IPAddress] = frozenset()
    settled: bool = True

    def announces(self, vip: IPAddress) -> bool:
        """Say whether a VIP is on a lane now."""
        return self.around is not None and vip in self.around.announced

    def states(self, pool: Pool) -> tuple[MemberState, ...]:
        """Return the judgements on a pool's members, in its order."""
        return pool_states(pool, self.roster, self.verdicts, self.pins, self.drains, self.now)


def served(inventory: Inventory) -> dict[ServiceKey, tuple[Vip, Service]]:
    """Return every virtual service of an inventory with the VIP and service it comes from."""
    return {s.key(vip.address): (vip, s) for vip in inventory.vips.values() for s in vip.services}


def carriers(services: Served, inventory: Inventory) -> dict[ServiceKey, frozenset[IPAddress]]:
    """Return the VIPs whose packets each virtual service takes; one with a firewall mark may have several."""
    return {
        key: frozenset(vip.group or (vip.address,)) & inventory.vips.keys()
        for key, (vip, _) in services.items()
    }


def grows_at(inventory: Inventory, names: Collection[str], view: View) -> float | None:
    """Return when the next member of these pools gets more weight by itself, None when none will."""
    times = (state.grows_at for name in names for state in view.states(inventory.pools[name]))
    return min((time for time in times if time is not None), default=None)


def decisions(inventory: Inventory, vips: Collection[IPAddress], view: View) -> dict[IPAddress, Decision]:
    """Decide each of these that is a VIP of the inventory, or an address of the director's own."""
    found = {
        address: _decide(inventory.vips[address], inventory, view)
        for address in vips
        if address in inventory.vips
    }
    return found | {address: view.own[address] for address in vips if address in view.own}


def local_decisions(inventory: Inventory, director: Director) -> dict[IPAddress, Decision]:
    """Return a decision for each local address that is ours to announce: those inside the VIP prefixes.

    It is announced as long as the controller is not taken down, drained or unfit or not: replies to flows
    that exist go there.
    """
    because = Because(Reason.LOCAL_ADDRESS, "a source address of full NAT")
    return {
        address: Decision(frozenset({Lane.ACTIVE}), because)
        for address in director.local_addresses
        if inside(address, inventory.cluster.vip_prefixes)
    }


def _decide(vip: Vip, inventory: Inventory, view: View) -> Decision:
    """Decide one VIP: may this director serve it, and if so, in which lane?"""
    fit = decide(
        vip,
        inventory.pools,
        view.standings,
        prefixes=inventory.cluster.vip_prefixes,
        director_unfit=view.director_unfit.get(family_of(vip.address)),
        unprogrammed=view.unprogrammed.get(vip.address, ""),
        absent=view.absent,
        announced=view.announces(vip.address),
    )
    return place(vip, inventory, fit, view.around) if fit.lanes and view.around is not None else fit


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
            wanted[key] = service_state(
                vip,
                service,
                pool,
                view.states(pool),
                view.services.get(key),
                now=view.standings.get(pool.name),
                idle=view.idle.get(key, ()),
                emptying={one: view.now < until for one, until in view.emptying.get(key, {}).items()},
                settled=view.settled,
            )
        elif key in view.roster.probe_services:
            wanted[key] = probe_service_state(view.roster.probe_services[key])
    return DirectorState(
        sysctls=view.sysctls,
        services=wanted,
        local_routes=frozenset(decided),
        lanes=frozenset(Lane),
        frr=standing(view.frr, view.groups, _lanes({**view.decided, **decided})),
        devices=frozenset(group.device for group in view.groups),
        timeouts=view.timeouts,
        rules=view.rules,
        peers=view.peers,
        announced={
            vip: lanes for vip, lanes in _lanes(decided).items() if lanes and not _by_vrrp(inventory, vip)
        },
    )


def _lanes(decided: Mapping[IPAddress, Decision]) -> dict[IPAddress, frozenset[Lane]]:
    return {vip: decision.lanes for vip, decision in decided.items()}


def _by_vrrp(inventory: Inventory, vip: IPAddress) -> bool:
    """Say whether VRRP moves a VIP; no OSPF lane has its address then."""
    return vip in inventory.vips and isinstance(inventory.vips[vip].ha, Vrrp)
