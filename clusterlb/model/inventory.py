"""One cluster as its operator describes it. Durations are seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address
from typing import NamedTuple

from clusterlb.model.address import AddressFamily, Endpoint, IPAddress, IPNetwork, family_of
from clusterlb.model.check import CheckSpec, Need
from clusterlb.model.director_checks import BASIC_CHECKS, DirectorChecks
from clusterlb.model.forwarding import IPIP, Forwarding, PortRange, Tunnel
from clusterlb.model.ipvs import KEEP_TIMEOUTS, Protocol, ProtocolTimeouts, ServiceKey
from clusterlb.model.ospf import DEFAULT_OSPF, Ospf, Uplink
from clusterlb.model.snat import SnatPool


class AnnounceWhen(Enum):
    """Whether a VIP needs all of its services fit, any, or those it lists."""

    ALL = "all"
    ANY = "any"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class PeerChannel:
    """Where directors speak with each other, and the files by which they know each other (PEM).

    ``{director}`` in a path stands for the director's name.
    """

    port: int
    authority: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """What all directors share. ``max_active`` is the switch's ECMP width.

    ``min_announcers``: with fewer other directors announcing a VIP, none of its directors is drained.
    ``max_drained``: directors that may be out at once, drained or gone; None: no limit. ``preempt``: of more
    directors than ``max_active``, one that comes back takes its place again. ``max_removed``: per cent of the
    VIPs, services or members that a reload may remove unasked. ``flow_memory``: seconds for which a flow may
    be silent and keep its member, whatever becomes of the pool meanwhile; 0: as long as IPVS has its entry.
    ``peers``: None where the directors do not speak with each other.
    """

    name: str
    vip_prefixes: tuple[IPNetwork, ...]
    max_active: int = 8
    ospf: Ospf = DEFAULT_OSPF
    director_checks: DirectorChecks = BASIC_CHECKS
    min_announcers: int = 1
    max_drained: int | None = None
    preempt: bool = False
    max_removed: int = 50
    timeouts: ProtocolTimeouts = KEEP_TIMEOUTS
    flow_memory: float = 0.0
    peers: PeerChannel | None = None
    notrack: bool = False
    log_connections: bool = False

    @property
    def families(self) -> frozenset[AddressFamily]:
        """The families that are announced: IPv4's by OSPFv2, IPv6's by OSPFv3."""
        return frozenset(map(family_of, (prefix.network_address for prefix in self.vip_prefixes)))


@dataclass(frozen=True, slots=True)
class Director:
    """A host running IPVS, FRR and clusterlb.

    ``inside``: its addresses, at most one a family, on the link that the directors share with the real
    servers: the servers' gateway, and where other directors send what is this one's. ``local_addresses``:
    source addresses that it alone gives to full NAT. ``peer_address``: where other directors' controllers
    reach its own, None for the first of ``inside``.
    """

    name: str
    router_id: IPv4Address
    uplinks: tuple[Uplink, ...]
    inside: tuple[IPAddress, ...] = ()
    local_addresses: tuple[IPAddress, ...] = ()
    peer_address: IPAddress | None = None

    @property
    def speaks_at(self) -> IPAddress | None:
        """Return where other directors' controllers reach its own, None where that is said nowhere."""
        return self.peer_address or next(iter(self.inside), None)

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
    """One address:port of a pool, with its nominal weight; ``checks`` stand in place of the pool's.

    ``forwarding`` and ``tunnel``: None for the service's. At ``upper`` connections it gets no new ones until
    it has fewer than ``lower`` (0: three quarters of ``upper``, ip_vs_conn.c); 0: no limit.
    """

    address: IPAddress
    port: int
    weight: int = 1
    checks: tuple[CheckSpec, ...] | None = None
    forwarding: Forwarding | None = None
    tunnel: Tunnel | None = None
    upper: int = 0
    lower: int = 0

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
    members; with fewer UP, all are used. ``ends_flows``: protocols whose flows leave a member that is DOWN
    and keeps its place. ``suspect``: the window after which a member that takes connections and establishes
    none is reported; 0: never.
    """

    name: str
    members: tuple[Member, ...]
    checks: tuple[CheckSpec, ...] = ()
    need: Need = Need.ALL
    quorum: Quorum = Quorum()
    on_down: OnDown = OnDown.WEIGHT0
    ends_flows: frozenset[Protocol] = frozenset({Protocol.UDP})
    slow_start: float = 0.0
    panic: int = 0
    suspect: float = 0.0
    sorry: Sorry | None = None

    def ends_flows_of(self, service: Service) -> bool:
        """Say whether the flows of a service end while their member is DOWN, and are placed anew."""
        return service.protocol in self.ends_flows and service.has_entries

    def checks_of(self, member: Member) -> tuple[CheckSpec, ...]:
        """Return the checks of one member: its own, or the pool's."""
        return self.checks if member.checks is None else member.checks


class ServiceName(NamedTuple):
    """What a service is called inside its VIP: its protocol with its lowest port, or NONE with its mark."""

    protocol: Protocol
    number: int

    def __str__(self) -> str:
        return f"{self.protocol.name.lower() if self.protocol else 'fwmark'}/{self.number}"


# Without the fallback IPVS turns the clients of a member at weight 0 away (ip_vs_mh_get, ip_vs_sh_get), and
# without mh-port a member gets a share of the clients, not of the connections. sh-port is left to the
# operator: with it a client does not stay with its member.
USUAL_FLAGS = {"mh": frozenset({"mh-port", "mh-fallback"}), "sh": frozenset({"sh-fallback"})}


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a VIP. ``flags`` are the inventory's names, such as ``mh-port``.

    ``port`` is 0 for every port, for ``ports``, and for ``fwmark``: packets that the operator marks so.
    ``mark`` is the firewall mark that clusterlb gives to the packets of several ports, or of several VIPs, of
    one service; 0: there is none. ``netmask``: the prefix length that persistence takes for one client, None
    for a whole address.
    """

    protocol: Protocol
    port: int
    pool: str
    forwarding: Forwarding = Forwarding.DR
    scheduler: str = "mh"
    flags: frozenset[str] = USUAL_FLAGS["mh"]
    persistence: float = 0.0
    netmask: int | None = None
    tunnel: Tunnel = IPIP
    ports: tuple[PortRange, ...] = ()
    fwmark: int = 0
    mark: int = 0

    def key(self, vip: IPAddress) -> ServiceKey:
        """Return the kernel's name for this service on a VIP."""
        mark = self.fwmark or self.mark
        if mark:
            return ServiceKey(family_of(vip), Protocol.NONE, None, 0, fwmark=mark)
        return ServiceKey(family_of(vip), self.protocol, vip, self.port)

    @property
    def name(self) -> ServiceName:
        """Return what the service is called inside its VIP, such as ``tcp/80``."""
        if self.fwmark:
            return ServiceName(Protocol.NONE, self.fwmark)
        return ServiceName(self.protocol, self.ports[0].first if self.ports else self.port)

    @property
    def keeps_port(self) -> bool:
        """Say whether a member gets the port that the client used, whatever its own."""
        return not self.port

    @property
    def has_entries(self) -> bool:
        """Say whether IPVS keeps an entry of each flow: not with one-packet scheduling (ip_vs_core.c)."""
        return self.protocol is not Protocol.UDP or "ops" not in self.flags

    def forwarding_of(self, member: Member) -> Forwarding:
        """Return how packets of this service reach a member."""
        return member.forwarding or self.forwarding


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
    interval: float = 0.2
    preempt: bool = True


@dataclass(frozen=True, slots=True)
class Vip:
    """A virtual address and what it serves.

    ``required``: the services that matter when they are listed. ``ha``: None when all directors serve it.
    ``group``: all addresses that are served as one, this one among them; empty when it is alone.
    """

    address: IPAddress
    services: tuple[Service, ...]
    announce_when: AnnounceWhen = AnnounceWhen.ALL
    required: frozenset[ServiceName] = frozenset()
    ha: ActiveStandby | Vrrp | None = None
    group: tuple[IPAddress, ...] = ()

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """Return all addresses that are served as one, this one among them."""
        return self.group or (self.address,)


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
    snat_pools: dict[str, SnatPool] = field(default_factory=dict)
    digest: str = field(default="", compare=False)

    def uses(self) -> Iterator[tuple[Vip, Service, Member, Forwarding]]:
        """Yield every member of every service of every VIP, with how packets reach it."""
        for vip in self.vips.values():
            for service in vip.services:
                for member in self.pools[service.pool].members:
                    yield vip, service, member, service.forwarding_of(member)

    @property
    def has_fullnat(self) -> bool:
        """Whether some member is reached by full NAT."""
        return any(method is Forwarding.FULLNAT for *_, method in self.uses())

    @property
    def snat_families(self) -> tuple[AddressFamily, ...]:
        """Return the families that some SNAT pool has addresses of, IPv4 first."""
        there = {family for pool in self.snat_pools.values() for family in pool.families}
        return tuple(family for family in AddressFamily if family in there)
