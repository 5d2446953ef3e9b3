"""One cluster as its operator describes it. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import NamedTuple

from clusterlb.model.address import IPAddress, IPNetwork, endpoint_text, family_of
from clusterlb.model.check import CheckSpec, Need
from clusterlb.model.ipvs import Protocol, ServiceKey

BACKBONE = IPv4Address("0.0.0.0")  # noqa: S104 - OSPF area 0, not an address to listen on


class Lane(Enum):
    """The interface a VIP's address sits on; its OSPF cost says how much the VIP is wanted here."""

    ACTIVE = "active"
    STANDBY = "standby"
    DRAINED = "drained"


class AnnounceMode(Enum):
    """How lanes are carried into OSPF."""

    INTRA_AREA = "intra-area"


class AnnounceWhen(Enum):
    """Whether a VIP needs all of its services fit, any, or those it lists."""

    ALL = "all"
    ANY = "any"
    LISTED = "listed"


class Forwarding(Enum):
    """How packets reach a member."""

    DR = "dr"
    TUN = "tun"
    NAT = "nat"


@dataclass(frozen=True, slots=True)
class Bfd:
    """A BFD profile: ``interval`` in seconds, both ways; ``multiplier`` missed packets mean down."""

    interval: float
    multiplier: int


@dataclass(frozen=True, slots=True)
class LaneCosts:
    """The OSPF cost of each lane."""

    active: int = 10
    standby: int = 1000
    drained: int = 10000

    def of(self, lane: Lane) -> int:
        """Return one lane's cost."""
        return {Lane.ACTIVE: self.active, Lane.STANDBY: self.standby, Lane.DRAINED: self.drained}[lane]


@dataclass(frozen=True, slots=True)
class Ospf:
    """How a director speaks OSPF. ``pace``: least time between two changes of its LSA."""

    area: IPv4Address = BACKBONE
    announce: AnnounceMode = AnnounceMode.INTRA_AREA
    hello: float = 1.0
    dead: float = 3.0
    bfd: Bfd | None = Bfd(0.05, 3)
    pace: float = 1.2
    retransmit: float = 1.0
    costs: LaneCosts = LaneCosts()
    md5_key: str | None = field(default=None, repr=False)
    md5_key_id: int = 1


class Endpoint(NamedTuple):
    """One address:port that can be probed, shared by every pool that lists it."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return endpoint_text(self.address, self.port)


@dataclass(frozen=True, slots=True)
class DirectorProbe:
    """A check of the director's own: ``target`` is what is probed; a file or a command needs none."""

    name: str
    check: CheckSpec
    target: Endpoint


@dataclass(frozen=True, slots=True)
class DirectorChecks:
    """When a director is fit by itself.

    ``carrier``: some uplink has carrier. ``ospf_full``: this many OSPF neighbours are Full, 0 does not ask.
    ``bfd``: some BFD session is up. ``conntrack``, ``connections`` and ``descriptors``: per cent of the
    connection tracking table, of the IPVS connection table's room and of the open files at which it is unfit,
    0 does not ask. ``probes``: checks of the operator's own; all must pass.
    """

    carrier: bool = True
    ospf_full: int = 0
    bfd: bool = False
    conntrack: int = 0
    connections: int = 0
    descriptors: int = 0
    probes: tuple[DirectorProbe, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """What all directors share. ``max_active`` is the switch's ECMP width."""

    name: str
    vip_prefixes: tuple[IPNetwork, ...]
    max_active: int = 8
    ospf: Ospf = Ospf()
    director_checks: DirectorChecks = DirectorChecks()


@dataclass(frozen=True, slots=True)
class Director:
    """A host running IPVS, FRR and clusterlb."""

    name: str
    router_id: IPv4Address
    uplinks: tuple[str, ...]


class OnDown(Enum):
    """What becomes of a DOWN member's destination: weight 0 keeps its place in the table and its flows."""

    WEIGHT0 = "weight0"
    REMOVE = "remove"


class QuorumOf(Enum):
    """What a quorum counts."""

    MEMBERS = "members"
    WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class Amount:
    """A count, or a percentage of all there is."""

    value: int
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)


@dataclass(frozen=True, slots=True)
class Quorum:
    """What must be UP for a pool to be fit, and at or below what a fit pool is fit no longer."""

    up: Amount = Amount(1)
    down: Amount = Amount(0)
    of: QuorumOf = QuorumOf.MEMBERS


@dataclass(frozen=True, slots=True)
class Member:
    """One address:port of a pool, with its nominal weight; ``checks`` stand in place of the pool's."""

    address: IPAddress
    port: int
    weight: int = 1
    checks: tuple[CheckSpec, ...] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Return the member's address and port."""
        return Endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class Sorry:
    """The member of last resort, used while no other can be. ``forwarding``: None for the service's."""

    address: IPAddress
    port: int
    forwarding: Forwarding | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A named set of members, in the order in which every director inserts them.

    ``slow_start``: time over which a recovered member's weight grows to its own. ``panic``: per cent of the
    members; with fewer UP, all are used. ``suspect``: the window after which a member that takes connections
    and establishes none is reported; 0: never.
    """

    name: str
    members: tuple[Member, ...]
    checks: tuple[CheckSpec, ...] = ()
    need: Need = Need.ALL
    quorum: Quorum = Quorum()
    on_down: OnDown = OnDown.WEIGHT0
    slow_start: float = 0.0
    panic: int = 0
    suspect: float = 0.0
    sorry: Sorry | None = None

    def checks_of(self, member: Member) -> tuple[CheckSpec, ...]:
        """Return the checks of one member: its own, or the pool's."""
        return self.checks if member.checks is None else member.checks


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a VIP. ``flags`` are the inventory's names, such as ``mh-port``."""

    protocol: Protocol
    port: int
    pool: str
    forwarding: Forwarding = Forwarding.DR
    scheduler: str = "mh"
    flags: frozenset[str] = frozenset()
    persistence: float = 0.0

    def key(self, vip: IPAddress) -> ServiceKey:
        """Return the kernel's name for this service on a VIP."""
        return ServiceKey(family_of(vip), self.protocol, vip, self.port)


@dataclass(frozen=True, slots=True)
class Vip:
    """A virtual address and what it serves. ``required``: the services that matter when they are listed."""

    address: IPAddress
    services: tuple[Service, ...]
    announce_when: AnnounceWhen = AnnounceWhen.ALL
    required: frozenset[tuple[Protocol, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The whole cluster. The mappings keep the order of the files; ``digest`` names the content."""

    cluster: Cluster
    directors: dict[str, Director]
    pools: dict[str, Pool]
    vips: dict[IPAddress, Vip]
    digest: str = field(default="", compare=False)
