"""What the store takes in: what happened, was read or was decided, as it comes from those who found it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from clusterlb.controller.apply import Outcome
from clusterlb.controller.store.index import Index
from clusterlb.core.assessment import Assessment
from clusterlb.core.drain import Progress
from clusterlb.core.fitness import DirectorHealth
from clusterlb.core.roster import MemberKey
from clusterlb.core.snat.state import SnatState
from clusterlb.drivers.interface import LinkState
from clusterlb.model.address import IPAddress
from clusterlb.model.anchor import Anchors, Bindings
from clusterlb.model.check import VerdictState
from clusterlb.model.cluster_view import ClusterView
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.intent import Drain, Pause
from clusterlb.model.ipvs import DestinationKey, ProtocolTimeouts, ServiceKey, ServiceState
from clusterlb.model.reason import Because
from clusterlb.model.rules import Element, Rules
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpState


class Observed(NamedTuple):
    """A probe saw something."""

    probe: ProbeKey
    observation: Observation


@dataclass(frozen=True, slots=True)
class ServicesRead:
    """All virtual services that IPVS has; ``mine``: those that are ours, there or not."""

    services: dict[ServiceKey, ServiceState]
    mine: Collection[ServiceKey] = ()


@dataclass(frozen=True, slots=True)
class SettingsRead:
    """Kernel settings and limits, IPVS's timeouts, and the local addresses of full NAT that are missing."""

    sysctls: Mapping[str, str]
    limits: Mapping[str, str]
    timeouts: ProtocolTimeouts
    absent: frozenset[IPAddress]


@dataclass(frozen=True, slots=True)
class FrrRead:
    """The lines that FRR runs; None: FRR does not answer."""

    lines: tuple[FrrLine, ...] | None


@dataclass(frozen=True, slots=True)
class Elected:
    """What VRRP has elected this director for, by VIP."""

    states: Mapping[IPAddress, VrrpState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InForce:
    """Operators' intents that are in force: by member, by VIP (None: the whole director), and a pause."""

    pins: Mapping[MemberKey, VerdictState] = field(default_factory=dict)
    drains: Mapping[IPAddress | None, Drain] = field(default_factory=dict)
    members: Mapping[MemberKey, Drain] = field(default_factory=dict)
    paused: Pause | None = None


@dataclass(frozen=True, slots=True)
class Draining:
    """How far drains are: of VIPs in the drained lane, and of members.

    ``gone``: members whose flows have ended, or had their time. ``lingering``: what members wait for in vain.
    """

    progress: Mapping[IPAddress, Progress] = field(default_factory=dict)
    gone: frozenset[MemberKey] = frozenset()
    lingering: Mapping[MemberKey, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """What IPVS's counters say: destinations without connections, and members that look ill."""

    idle: Mapping[ServiceKey, frozenset[DestinationKey]] = field(default_factory=dict)
    suspects: Mapping[tuple[ServiceKey, DestinationKey], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Emptying:
    """The destinations of a service that are to be out of its table until a time, so that their flows end."""

    service: ServiceKey
    until: Mapping[DestinationKey, float]


@dataclass(frozen=True, slots=True)
class Anchored:
    """The flows that are to be kept on their members from now on, and the private services for them."""

    anchors: Anchors
    bindings: Bindings


@dataclass(frozen=True, slots=True)
class HairpinsSeen:
    """Members that call a VIP of their own pool, each with the VIP."""

    pairs: frozenset[Element]


@dataclass(frozen=True, slots=True)
class Unprogrammed:
    """A VIP whose services are not as planned, and why; an empty text: they are again."""

    vip: IPAddress
    because: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """The VIPs that are not to be announced for what peers have to do with it, and why."""

    vips: Mapping[IPAddress, Because]


@dataclass(frozen=True, slots=True)
class Adopted:
    """All has been read once, and taken as it is."""


@dataclass(frozen=True, slots=True)
class GoingDown:
    """The director is being taken down."""


@dataclass(frozen=True, slots=True)
class Troubles:
    """The texts of the steps that failed and are not put right yet."""

    texts: tuple[str, ...]


Event = (
    Observed
    | Index
    | InForce
    | ServicesRead
    | LinkState
    | SettingsRead
    | Rules
    | FrrRead
    | DirectorHealth
    | ClusterView
    | Elected
    | SnatState
    | Draining
    | Counted
    | Emptying
    | Anchored
    | HairpinsSeen
    | Assessment
    | Outcome
    | Unprogrammed
    | Withheld
    | Adopted
    | GoingDown
    | Troubles
)
