"""The hosts of a lab and their addresses: an inventory laid out on the test network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from clusterlb.lab.netns import LabError
from clusterlb.model.address import IPAddress, IPNetwork
from clusterlb.model.inventory import Director, Inventory, Pool, Service, Vip, Vrrp
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import NetworkType


def digits(network: IPv6Network, number: int) -> IPv6Address:
    """Return the address in a network whose last group has the digits of this decimal number."""
    return network[int(str(number), 16)]


@dataclass(frozen=True, slots=True)
class Net:
    """One link of the test network. Host 12 is ``.12`` and ``::12``: the same digits in both families."""

    ipv4: IPv4Network
    ipv6: IPv6Network

    def host(self, number: int, dual: bool) -> tuple[IPAddress, ...]:
        """Return a host's addresses, one a family."""
        return (self.ipv4[number], digits(self.ipv6, number)) if dual else (self.ipv4[number],)

    def number(self, address: IPAddress) -> int | None:
        """Return the number of the host that has this address; None when there is no such host."""
        if address in self.ipv4:
            return int(address) - int(self.ipv4.network_address)
        text = f"{int(address) - int(self.ipv6.network_address):x}" if address in self.ipv6 else ""
        return int(text) if text.isdecimal() and int(text) < 255 else None


UPLINK_NET = Net(IPv4Network("10.1.0.0/24"), IPv6Network("fd00:1::/64"))  # directors' e0 and the switch
SERVER_NET = Net(IPv4Network("10.2.0.0/24"), IPv6Network("fd00:2::/64"))  # directors' e1, real servers
CLIENT_NET = Net(IPv4Network("10.3.0.0/24"), IPv6Network("fd00:3::/64"))  # the client and the switch
VIP_NET = IPv4Network("10.100.0.0/24")  # the VIPs of a lab without an inventory
LINK_LOCAL = IPv6Network("fe80::/64")
SWITCH_NUMBER, CORE_NUMBER, FIRST_SERVER = 254, 253, 101
SWITCH_ON_UPLINK = UPLINK_NET.ipv4[SWITCH_NUMBER]
CORE_ON_SERVERS = SERVER_NET.ipv4[CORE_NUMBER]
CLIENT_NUMBERS = range(2, 10)
CLIENTS = tuple(CLIENT_NET.ipv4[number] for number in CLIENT_NUMBERS)

SWITCH, CLIENT, CORE = "switch", "client", "core"
UPLINK, INSIDE = "e0", "e1"  # a director's interfaces

ANY_PORTS = (80, 8080)  # for a service that takes every port
_MOST_PORTS = 256  # most ports of a range: every port costs a socket


@dataclass(frozen=True, slots=True)
class DirectorHost:
    """A director's namespace. ``uplink`` and ``inside`` are the addresses of ``e0`` and ``e1``.

    ``sources``: further addresses on either, for full NAT and SNAT, that clusterlb does not announce.
    """

    name: str
    number: int
    uplink: tuple[IPAddress, ...]
    inside: tuple[IPAddress, ...]
    sources: tuple[IPAddress, ...] = ()

    @property
    def router_id(self) -> IPv4Address:
        """Return its OSPF router id."""
        return UPLINK_NET.ipv4[self.number]

    @property
    def port(self) -> str:
        """Return the switch's end of its uplink."""
        return f"a-d{self.number}"

    @property
    def inside_port(self) -> str:
        """Return the switch's end of its link to the real servers."""
        return f"b-d{self.number}"

    def next_hop(self, version: int) -> IPAddress:
        """Return the switch's next hop for packets of IPv4 or IPv6 to this director."""
        return self.router_id if version == 4 else digits(LINK_LOCAL, self.number)


@dataclass(frozen=True, slots=True)
class ServerHost:
    """A real server's namespace, and the ports that it listens on."""

    name: str
    number: int
    addresses: tuple[IPAddress, ...]
    ports: tuple[int, ...]
    udp_ports: tuple[int, ...]

    @property
    def address(self) -> IPAddress:
        """Return its IPv4 address."""
        return self.addresses[0]


@dataclass(frozen=True, slots=True)
class LabTopology:
    """Names and addresses; a host's name is its namespace's.

    ``vips``: all addresses that clients use. ``announcers``: the directors that may be next hops of each, at
    most ``width`` at a time. ``dual``: hosts have IPv6 addresses too; ``ospf6``: the switch learns IPv6 VIPs.
    ``core``: the real servers are behind a router that speaks OSPF with the directors, not on the switch.
    """

    directors: tuple[DirectorHost, ...]
    servers: tuple[ServerHost, ...]
    vips: tuple[IPAddress, ...]
    announcers: Mapping[IPAddress, tuple[str, ...]]
    prefixes: tuple[IPNetwork, ...]
    width: int
    dual: bool = False
    ospf6: bool = False
    core: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return every namespace's name."""
        return (
            *self.routers,
            CLIENT,
            *(director.name for director in self.directors),
            *(server.name for server in self.servers),
        )

    @property
    def routers(self) -> tuple[str, ...]:
        """Return the namespaces of the routers that are not directors."""
        return (SWITCH, CORE) if self.core else (SWITCH,)

    @property
    def clients(self) -> tuple[IPAddress, ...]:
        """Return all addresses of the client."""
        return tuple(a for number in CLIENT_NUMBERS for a in CLIENT_NET.host(number, self.dual))

    def director(self, name: str) -> DirectorHost:
        """Return one director, or raise KeyError."""
        return {director.name: director for director in self.directors}[name]

    def server(self, name: str) -> ServerHost:
        """Return one real server, or raise KeyError."""
        return {server.name: server for server in self.servers}[name]


def topology(inventory: Inventory) -> LabTopology:
    """Lay an inventory out; raise LabError with everything in it that does not fit the test network."""
    if problems := list(_misfits(inventory)):
        raise LabError("\n".join(["the inventory does not follow the test network:", *problems]))
    prefixes = inventory.cluster.vip_prefixes
    ospf6 = any(prefix.version == 6 for prefix in prefixes)
    dual = ospf6 or any(address.version == 6 for address in server_addresses(inventory))
    announcers = {address: _announcers(inventory, vip) for address, vip in inventory.vips.items()}
    return LabTopology(
        directors=tuple(_director(inventory, director, dual) for director in inventory.directors.values()),
        servers=tuple(_servers(inventory, dual)),
        vips=tuple(announcers),
        announcers={address: names for address, names in announcers.items() if names},
        prefixes=prefixes,
        width=inventory.cluster.max_active,
        dual=dual,
        ospf6=ospf6,
        core=any(INSIDE in director.interfaces for director in inventory.directors.values()),
    )


def server_addresses(inventory: Inventory) -> Iterator[IPAddress]:
    """Yield the addresses of all members and sorry servers."""
    for pool in inventory.pools.values():
        yield from (member.address for member in pool.members)
        if pool.sorry is not None:
            yield pool.sorry.address


def _director(inventory: Inventory, director: Director, dual: bool) -> DirectorHost:
    number = int(director.router_id) - int(UPLINK_NET.ipv4.network_address)
    given = {address.version: address for address in director.inside}
    inside = tuple(given.get(address.version, address) for address in SERVER_NET.host(number, dual))
    uplink, sources = UPLINK_NET.host(number, dual), tuple(_sources(inventory, director))
    return DirectorHost(director.name, number, uplink, inside, sources)


def _sources(inventory: Inventory, director: Director) -> Iterator[IPAddress]:
    """Yield a director's source addresses that clusterlb does not announce, and that its interfaces have."""
    pools = inventory.snat_pools.values()
    sources = [address for pool in pools for address in pool.addresses.get(director.name, ())]
    for address in (*director.local_addresses, *sources):
        if not any(address in prefix for prefix in inventory.cluster.vip_prefixes):
            yield address


def _servers(inventory: Inventory, dual: bool) -> Iterator[ServerHost]:
    numbers = {SERVER_NET.number(address) for address in server_addresses(inventory)}
    for number in sorted(number for number in numbers if number is not None):
        ports, udp_ports = ports_of(inventory, SERVER_NET.host(number, dual=True))
        name = f"r{number - FIRST_SERVER + 1}"
        yield ServerHost(name, number, SERVER_NET.host(number, dual), ports, udp_ports)


def _announcers(inventory: Inventory, vip: Vip) -> tuple[str, ...]:
    if vip.ha is None:
        return tuple(inventory.directors)
    return () if isinstance(vip.ha, Vrrp) else vip.ha.order[:1]


def _misfits(inventory: Inventory) -> Iterator[str]:
    for name, director in inventory.directors.items():
        where = f"  director {name}:"
        number = UPLINK_NET.number(director.router_id)
        if number is None or not 0 < number < FIRST_SERVER:
            yield f"{where} router_id {director.router_id} is not in 10.1.0.1 to 10.1.0.{FIRST_SERVER - 1}"
        if set(director.interfaces) not in ({UPLINK}, {UPLINK, INSIDE}):
            yield f"{where} uplinks are [{', '.join(director.interfaces)}], and there are [e0] and [e0, e1]"
        if any(inventory.cluster.ospf.network_of(u) is NetworkType.POINT_TO_POINT for u in director.uplinks):
            yield f"{where} uplinks are point-to-point, and the directors share one segment"
        for address in _sources(inventory, director):
            if UPLINK_NET.number(address) is None and SERVER_NET.number(address) is None:
                yield f"{where} {address} is neither in vip_prefixes nor on one of its links"
        if name in (SWITCH, CLIENT, CORE) or (name[0] == "r" and name[1:].isdecimal()):
            yield f"{where} the name is that of another host; call it d1, d2..."
        for address in director.inside:
            if SERVER_NET.number(address) is None:
                yield f"{where} inside {address} is not in {SERVER_NET.ipv4} or {SERVER_NET.ipv6}"
    for address in dict.fromkeys(server_addresses(inventory)):
        number = SERVER_NET.number(address)
        if number is None or not FIRST_SERVER <= number < CORE_NUMBER:
            yield (
                f"  member {address}: real servers are 10.2.0.{FIRST_SERVER} to 10.2.0.{CORE_NUMBER - 1} and "
                f"fd00:2::{FIRST_SERVER} to fd00:2::{CORE_NUMBER - 1}"
            )


def ports_of(
    inventory: Inventory, addresses: Collection[IPAddress]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the TCP and the UDP ports that the host with these addresses listens on.

    These are the ports of its members, of the services that keep the client's port, and of its checks,
    without those of SCTP.
    """
    tcp: set[int] = set()
    udp: set[int] = set()
    for vip in inventory.vips.values():
        for service in vip.services:
            found = set(_served(inventory.pools[service.pool], service, addresses))
            # a firewall mark service does not say which protocol the operator marks
            if service.protocol is Protocol.TCP or service.fwmark:
                tcp |= found
            if service.protocol is Protocol.UDP or service.fwmark:
                udp |= found
    for pool in inventory.pools.values():
        tcp |= set(_checked(pool, addresses))
    return tuple(sorted(tcp - {0})), tuple(sorted(udp - {0}))


def _served(pool: Pool, service: Service, addresses: Collection[IPAddress]) -> Iterator[int]:
    members = {member.port for member in pool.members if member.address in addresses}
    if pool.sorry is not None and pool.sorry.address in addresses:
        members.add(pool.sorry.port)
    yield from members
    if members and service.keeps_port:
        yield from ANY_PORTS if not service.ports else ()
        for first, last in service.ports:
            yield from range(first, min(last, first + _MOST_PORTS - 1) + 1)
            yield last


def _checked(pool: Pool, addresses: Collection[IPAddress]) -> Iterator[int]:
    for member in pool.members:
        if member.address in addresses:
            yield member.port
            yield from (check.port for check in pool.checks_of(member) if check.port)
