"""One cluster as its operator describes it. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import NamedTuple

from clusterlb.model.address import AddressFamily, IPAddress, IPNetwork, endpoint_text, family_of
from clusterlb.model.check import CheckSpec, Need
from clusterlb.model.ipvs import Protocol, ServiceKey

BACKBONE = IPv4Address("0.0.0.0")  # noqa: S104 - OSPF area 0, not an address to listen on


class Lane(Enum):
    """The interface a VIP's address sits on; its OSPF cost says how much the VIP is wanted here."""

    ACTIVE = "active"
    STANDBY = "standby"
    DRAINED = "drained"


class AnnounceMode(Enum):
    """How lanes are carried into OSPF: as addresses in the area, or as kernel routes, redistributed."""

    INTRA_AREA = "intra-area"
    EXTERNAL = "external"


class AreaType(Enum):
    """What the areas of the uplinks let in: external routes as type 5, as type 7, or none."""

    NORMAL = "normal"
    NSSA = "nssa"
    STUB = "stub"


class NetworkType(Enum):
    """How OSPF sees the link of an uplink."""

    POINT_TO_MULTIPOINT = "point-to-multipoint"
    POINT_TO_POINT = "point-to-point"
    BROADCAST = "broadcast"


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
class AnnounceModes:
    """How the lanes of each address family are carried into OSPF, the same on all directors."""

    ipv4: AnnounceMode = AnnounceMode.INTRA_AREA
    ipv6: AnnounceMode = AnnounceMode.INTRA_AREA

    def of(self, family: AddressFamily) -> AnnounceMode:
        """Return one family's mode."""
        return self.ipv4 if family is AddressFamily.IPV4 else self.ipv6


@dataclass(frozen=True, slots=True)
class Uplink:
    """An interface towards a switch. What is None is the cluster's; ``cost`` is that of the way out."""

    name: str
    network: NetworkType | None = None
    area: IPv4Address | None = None
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class Ospf:
    """How a director speaks OSPF.

    ``area`` is that of the lanes and, where an uplink names none, of the uplinks; ``area_type`` holds for all
    of them. ``pace``: least time between two changes of its LSA. ``key_chain``: the name of an operator's key
    chain in FRR. ``graceful_restart``: how long neighbours keep routes while ospfd is away; None: not at all.
    """

    area: IPv4Address = BACKBONE
    area_type: AreaType = AreaType.NORMAL
    announce: AnnounceModes = AnnounceModes()
    network: NetworkType = NetworkType.POINT_TO_MULTIPOINT
    hello: float = 1.0
    dead: float = 3.0
    bfd: Bfd | None = Bfd(0.05, 3)
    pace: float = 1.2
    retransmit: float = 1.0
    costs: LaneCosts = LaneCosts()
    md5_key: str | None = field(default=None, repr=False)
    md5_key_id: int = 1
    key_chain: str | None = None
    graceful_restart: float | None = None

    @property
    def external(self) -> frozenset[AddressFamily]:
        """The address families that are announced as external routes."""
        return frozenset(f for f in AddressFamily if self.announce.of(f) is AnnounceMode.EXTERNAL)

    def area_of(self, uplink: Uplink) -> IPv4Address:
        """Return the area of an uplink."""
        return self.area if uplink.area is None else uplink.area

    def network_of(self, uplink: Uplink) -> NetworkType:
        """Return the network type of an uplink."""
        return uplink.network or self.network


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
    """What all directors share. ``max_active`` is the switch's ECMP width.

    ``min_announcers``: with fewer other directors announcing a VIP, none of its directors is drained.
    ``max_drained``: directors that may be out at once, drained or gone; None: no limit. ``preempt``: of more
    directors than ``max_active``, one that comes back takes its place again.
    """

    name: str
    vip_prefixes: tuple[IPNetwork, ...]
    max_active: int = 8
    ospf: Ospf = Ospf()
    director_checks: DirectorChecks = DirectorChecks()
    min_announcers: int = 1
    max_drained: int | None = None
    preempt: bool = False


@dataclass(frozen=True, slots=True)
class Director:
    """A host running IPVS, FRR and clusterlb."""

    name: str
    router_id: IPv4Address
    uplinks: tuple[Uplink, ...]

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The names of the uplinks."""
        return tuple(uplink.name for uplink in self.uplinks)


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
class ActiveStandby:
    """One director serves: the first of ``order`` that can. ``preempt``: one that comes back serves again."""

    order: tuple[str, ...]
    preempt: bool = True


@dataclass(frozen=True, slots=True)
class Vrrp:
    """FRR's vrrpd moves the VIP, OSPF does not announce it. The first of ``order`` has the highest priority.

    ``vrid``: 1 to 255. ``interfaces``: the VIP's link, and perhaps a second one with a group of its own.
    ``interval``: seconds between advertisements. ``preempt``: a higher priority takes the VIP back.
    """

    order: tuple[str, ...]
    vrid: int
    interfaces: tuple[str, ...]
    interval: float = 1.0
    preempt: bool = True


@dataclass(frozen=True, slots=True)
class Vip:
    """A virtual address and what it serves.

    ``required``: the services that matter when they are listed. ``ha``: None when all directors serve it.
    """

    address: IPAddress
    services: tuple[Service, ...]
    announce_when: AnnounceWhen = AnnounceWhen.ALL
    required: frozenset[tuple[Protocol, int]] = frozenset()
    ha: ActiveStandby | Vrrp | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A planned drain of some directors, by ``cron`` (crontab(5)) or once ``at`` a time; one of them is None.

    Both are local time in ``zone``, an IANA name; ``at`` is ISO 8601 without an offset. ``duration`` is
    elapsed time. ``deadline``: how long flows may take to move before the VIPs are withdrawn; None: as they
    need.
    """

    name: str
    directors: tuple[str, ...]
    reason: str
    cron: str | None
    at: str | None
    duration: float
    zone: str = "UTC"
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The whole cluster. The mappings keep the order of the files; ``digest`` names the content."""

    cluster: Cluster
    directors: dict[str, Director]
    pools: dict[str, Pool]
    vips: dict[IPAddress, Vip]
    maintenance: tuple[Window, ...] = ()
    digest: str = field(default="", compare=False)
