"""Who is in a lab, and at which addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from clusterlb.lab.spec import LabSpec

UPLINK_NET = IPv4Network("10.1.0.0/24")  # net A: directors' e0 and the switch
SERVER_NET = IPv4Network("10.2.0.0/24")  # net B: directors' e1, real servers and the switch
CLIENT_NET = IPv4Network("10.3.0.0/24")  # net C: the client and the switch
VIP_NET = IPv4Network("10.100.0.0/24")
SWITCH_ON_UPLINK = UPLINK_NET[254]
SWITCH_ON_SERVERS = SERVER_NET[254]
SWITCH_ON_CLIENT = CLIENT_NET[1]
CLIENTS = tuple(CLIENT_NET[number] for number in range(2, 10))

SWITCH = "switch"
CLIENT = "client"


@dataclass(frozen=True, slots=True)
class DirectorHost:
    """A director's namespace. ``port`` is the switch's end of its uplink ``e0``."""

    name: str
    router_id: IPv4Address
    servers_side: IPv4Address
    port: str


@dataclass(frozen=True, slots=True)
class ServerHost:
    """A real server's namespace."""

    name: str
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class Topology:
    """Names and addresses; a host's name is its namespace's."""

    directors: tuple[DirectorHost, ...]
    servers: tuple[ServerHost, ...]
    vips: tuple[IPv4Address, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return every namespace's name."""
        return (
            SWITCH,
            CLIENT,
            *(director.name for director in self.directors),
            *(server.name for server in self.servers),
        )

    def director(self, name: str) -> DirectorHost:
        """Return one director, or raise KeyError."""
        return {director.name: director for director in self.directors}[name]

    def server(self, name: str) -> ServerHost:
        """Return one real server, or raise KeyError."""
        return {server.name: server for server in self.servers}[name]


def topology(spec: LabSpec) -> Topology:
    """Lay out a lab."""
    return Topology(
        directors=tuple(
            DirectorHost(f"d{n}", UPLINK_NET[n], SERVER_NET[n], f"a-d{n}")
            for n in range(1, spec.directors + 1)
        ),
        servers=tuple(ServerHost(f"r{n}", SERVER_NET[100 + n]) for n in range(1, spec.real_servers + 1)),
        vips=tuple(VIP_NET[n] for n in range(1, spec.vips + 1)),
    )
