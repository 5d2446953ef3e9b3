"""How a director speaks OSPF. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address

from clusterlb.model.address import AddressFamily

BACKBONE = IPv4Address("0.0.0.0")  # noqa: S104 - OSPF area 0, not an address to listen on


OUR_INTERFACES = "clb-"
"""How the name of every interface begins that clusterlb makes, on directors and on real servers."""


class OspfVersion(Enum):
    """The protocol that carries a family's routes: OSPFv2 IPv4's, OSPFv3 IPv6's (RFC 5340)."""

    V2 = "OSPFv2"
    V3 = "OSPFv3"

    @classmethod
    def of(cls, family: AddressFamily) -> OspfVersion:
        """Return the version that carries a family."""
        return cls.V2 if family is AddressFamily.IPV4 else cls.V3

    @property
    def ip(self) -> int:
        """Return the version of IP whose routes it carries, 4 or 6."""
        return 4 if self is OspfVersion.V2 else 6


class Lane(Enum):
    """The interface a VIP's address sits on; its OSPF cost says how much the VIP is wanted here."""

    ACTIVE = "active"
    STANDBY = "standby"
    DRAINED = "drained"

    @property
    def interface(self) -> str:
        """The name of the lane's interface, such as ``clb-active``; at most 15 characters (IFNAMSIZ)."""
        return f"{OUR_INTERFACES}{self.value}"


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
    ``default_originate``: the directors that serve are the default route.
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
    default_originate: bool = False

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


DEFAULT_OSPF = Ospf()
