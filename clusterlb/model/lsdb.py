"""A link-state database, in what OSPFv2 and OSPFv3 have in common (RFC 2328 section 12.4, RFC 5340 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from clusterlb.model.address import IPAddress

MAX_AGE = 3600  # seconds; an LSA of this age is being flushed (RFC 2328 appendix B)


class NetworkId(NamedTuple):
    """The name of a transit network.

    OSPFv2: ``number`` is its designated router's address, ``router_id`` is None. OSPFv3: the designated
    router's id and interface id.
    """

    router_id: IPv4Address | None
    number: IPv4Address


@dataclass(frozen=True, slots=True)
class RouterLink:
    """One link of a router, to another router (point-to-point or virtual) or to a transit network."""

    to: IPv4Address | NetworkId
    cost: int


@dataclass(frozen=True, slots=True)
class RouterLsa:
    """What one router says of its links within an area. ``age`` is seconds."""

    area: str
    router_id: IPv4Address
    links: tuple[RouterLink, ...]
    age: int


@dataclass(frozen=True, slots=True)
class NetworkLsa:
    """The routers that a designated router sees on a transit network. ``age`` is seconds."""

    area: str
    network: NetworkId
    routers: frozenset[IPv4Address]
    age: int


@dataclass(frozen=True, slots=True)
class HostRoute:
    """A /32 or /128 that a router announces.

    ``external``: by an AS-external or NSSA LSA, not as its own stub. ``area``: where the LSA is flooded,
    None for everywhere. ``age`` is the LSA's, in seconds.
    """

    area: str | None
    router_id: IPv4Address
    address: IPAddress
    cost: int
    external: bool
    age: int


@dataclass(frozen=True, slots=True)
class Lsdb:
    """One protocol's database. The order of the LSAs means nothing."""

    routers: tuple[RouterLsa, ...] = ()
    networks: tuple[NetworkLsa, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()


@dataclass(frozen=True, slots=True)
class Databases:
    """What a director's FRR holds; ``ospf6`` is None where OSPFv3 is not asked."""

    ospf: Lsdb
    ospf6: Lsdb | None = None
