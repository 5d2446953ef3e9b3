"""One cluster as its operator describes it. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import NamedTuple

from clusterlb.model.address import IPAddress, IPNetwork, endpoint_text, family_of
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
    """Whether a VIP needs all of its services fit, or any."""

    ALL = "all"
    ANY = "any"


class Forwarding(Enum):
    """How packets reach a member."""

    DR = "dr"
    TUN = "tun"
    NAT = "nat"


class CheckType(Enum):
    """What a check does."""

    TCP = "tcp"


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


@dataclass(frozen=True, slots=True)
class Cluster:
    """What all directors share. ``max_active`` is the switch's ECMP width."""

    name: str
    vip_prefixes: tuple[IPNetwork, ...]
    max_active: int = 8
    ospf: Ospf = Ospf()


@dataclass(frozen=True, slots=True)
class Director:
    """A host running IPVS, FRR and clusterlb."""

    name: str
    router_id: IPv4Address
    uplinks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """How a member is checked: ``rise`` successes in a row mean UP, ``fall`` failures DOWN."""

    type: CheckType = CheckType.TCP
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 3


@dataclass(frozen=True, slots=True)
class Quorum:
    """Members UP to be fit, and the count at or below which a fit pool is fit no longer."""

    up: int = 1
    down: int = 0


class Endpoint(NamedTuple):
    """One address:port that can be probed, shared by every pool that lists it."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return endpoint_text(self.address, self.port)


@dataclass(frozen=True, slots=True)
class Member:
    """One address:port of a pool, with its nominal weight."""

    address: IPAddress
    port: int
    weight: int = 1

    @property
    def endpoint(self) -> Endpoint:
        """Return the member's address and port."""
        return Endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class Pool:
    """A named set of members, in the order in which every director inserts them."""

    name: str
    members: tuple[Member, ...]
    check: CheckSpec | None
    quorum: Quorum = Quorum()


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
    """A virtual address and what it serves."""

    address: IPAddress
    services: tuple[Service, ...]
    announce_when: AnnounceWhen = AnnounceWhen.ALL


@dataclass(frozen=True, slots=True)
class Inventory:
    """The whole cluster. The mappings keep the order of the files; ``digest`` names the content."""

    cluster: Cluster
    directors: dict[str, Director]
    pools: dict[str, Pool]
    vips: dict[IPAddress, Vip]
    digest: str = field(default="", compare=False)
