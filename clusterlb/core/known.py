"""What decisions are made from: everything that is known at a moment, and nothing that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterlb.core.announce import Decision
from clusterlb.core.member import MemberDrains, MemberState, Pins, Verdicts, pool_states
from clusterlb.core.place import Surroundings
from clusterlb.core.roster import Roster
from clusterlb.core.vrrp import Group
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.anchor import Bindings
from clusterlb.model.inventory import Pool
from clusterlb.model.ipvs import KEEP_TIMEOUTS, DestinationKey, ProtocolTimeouts, ServiceKey, ServiceState
from clusterlb.model.reason import Because
from clusterlb.model.rules import NO_RULES, Rules
from clusterlb.model.snat import Peer
from clusterlb.model.state import FrrLine


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at ``now``, in seconds of the observations' clock: verdicts, readings, intents.

    ``services`` is what the kernel holds, ``unprogrammed`` why a VIP's services are not as planned,
    ``withheld`` what other directors have to do with it that a VIP is not to be announced; ``idle``
    the destinations of services that are known to have no connections, ``emptying`` those that are out of the
    table until a time, so that their connections end; ``bindings`` the private services that anchored
    flows need; ``pins`` and ``drains`` the members an operator has pinned or drains; ``around`` the other
    directors and drains of this one, None where they play no part; ``own`` what is decided on addresses of
    the director's own and ``absent`` those of full NAT that it lacks; ``settled``: the start is over, in
    which only that changes which has to; ``peers`` the directors that SNAT flows can be sent to; ``groups``
    VRRP's virtual routers here; ``frr``, ``sysctls``, ``timeouts`` and ``rules`` are what the inventory
    renders to and needs.
    """

    roster: Roster = field(default_factory=Roster)
    now: float = 0.0
    verdicts: Verdicts = field(default_factory=dict)
    pins: Pins = field(default_factory=dict)
    drains: MemberDrains = field(default_factory=dict)
    around: Surroundings | None = None
    services: Mapping[ServiceKey, ServiceState] = field(default_factory=dict)
    idle: Mapping[ServiceKey, frozenset[DestinationKey]] = field(default_factory=dict)
    emptying: Mapping[ServiceKey, Mapping[DestinationKey, float]] = field(default_factory=dict)
    bindings: Bindings = field(default_factory=dict)
    director_unfit: Mapping[AddressFamily, Because] = field(default_factory=dict)
    unprogrammed: Mapping[IPAddress, str] = field(default_factory=dict)
    withheld: Mapping[IPAddress, Because] = field(default_factory=dict)
    frr: tuple[FrrLine, ...] = ()
    groups: tuple[Group, ...] = ()
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
