"""What a director says of itself: one object for ``clusterlb status``, the socket, the metrics and /health.

Every consumer reads these fields; none reads a sentence that another has written. ``Condition`` is the part
that asks nobody. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.check import VerdictState
from clusterlb.model.cluster_view import FindingKind
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.intent import Intent
from clusterlb.model.inventory import QuorumOf
from clusterlb.model.ospf import Lane, OspfVersion
from clusterlb.model.peer import PeerState
from clusterlb.model.port_use import AddressKind, ConntrackFailures
from clusterlb.model.reason import Reason
from clusterlb.model.vrrp import VrrpState


@dataclass(frozen=True, slots=True, kw_only=True)
class IpvsStatus:
    """Whether IPVS answers, and why not."""

    answers: bool
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryStatus:
    """The inventory in force; ``rejected``: what is wrong with the one on disk, if anything is."""

    path: str
    digest: str
    rejected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborStatus:
    """A neighbour on an uplink; ``full``: it hears what is announced."""

    router_id: str
    interface: str
    state: str
    protocol: OspfVersion
    full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FrrStatus:
    """Whether FRR answers, and who its neighbours are.

    ``full``: how many neighbours hear of what is announced, None where nobody has said yet; a version that no
    VIP needs is left out, but OSPFv2 never, for ospfd says whether FRR answers.
    """

    answers: bool
    error: str = ""
    neighbors: tuple[NeighborStatus, ...] = ()
    full: Mapping[OspfVersion, int | None] = field(default_factory=dict)
    ospf6_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """How the check engine is, and what it counts since its start (``checks.stats.Counters``).

    ``state``: running, starting, silent, restarting or dead. ``alive``: it runs and has spoken.
    ``quarantined`` names the checks that run apart. ``lag_buckets``: how late probes began, counted by
    ``checks.stats.LAG_BUCKETS``.
    """

    state: str = "running"
    alive: bool = False
    quarantined: str = ""
    unprobed: int = 0
    probes: int = 0
    running: int = 0
    queued: int = 0
    lag_p99: float = 0.0
    lag_max: float = 0.0
    lag_buckets: tuple[int, ...] = ()
    restarts: int = 0
    dropped: int = 0
    started: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    overlapped: int = 0
    postponed: int = 0
    broken: int = 0
    stalls: int = 0
    unsent: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressStatus:
    """On which lanes an address is, and where it belongs and why.

    ``reason`` is None before the first decision. ``vrrp``: what VRRP has elected, None where OSPF decides.
    """

    announced: tuple[Lane, ...] = ()
    wanted: tuple[Lane, ...] = ()
    reason: Reason | None = None
    because: str = ""
    vrrp: VrrpState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VipStatus(AddressStatus):
    """A VIP without its services."""

    vip: IPAddress

    @property
    def is_withdrawn(self) -> bool:
        """Say whether the VIP should be announced and is not; STANDBY: VRRP gave it to others."""
        return not self.announced and self.reason is not Reason.STANDBY


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersStatus:
    """What IPVS counts (``ipvsadm --stats``), None while IPVS does not answer."""

    connections: int | None = None
    in_packets: int | None = None
    out_packets: int | None = None
    in_bytes: int | None = None
    out_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus(CountersStatus):
    """A member of one service.

    ``age``: since when its verdict stands, None before its first. ``because``: what the deciding check saw.
    ``lingering``: what its drain waits for in vain. ``warning``: what will make a check fail one day, or is
    not probed. ``suspect``: why its checks may be wrong. ``share``: per cent of its weight that it gets.
    ``weight`` and the connections are the kernel's; None: it is not in the table, or IPVS does not answer.
    """

    member: Endpoint
    forwarding: Forwarding = Forwarding.DR
    verdict: VerdictState = VerdictState.UNKNOWN
    age: float | None = None
    because: str = ""
    pinned: bool = False
    drained: bool = False
    lingering: str = ""
    warning: str = ""
    suspect: str = ""
    share: int = 100
    weight: int | None = None
    active: int | None = None
    inactive: int | None = None
    persistent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus(CountersStatus):
    """A service of a VIP; its own counters outlive its members, whose counters go with them.

    ``service``: its name in the log and in metrics. ``persistence`` is 0 without. ``table``: the digest of
    what decides where its flows go (``core.digest``), empty where IPVS has no such service. ``flows`` and
    ``strays`` are of the last count, None where flows cannot be counted; ``anchored`` have an anchor now.
    """

    service: str
    protocol: str
    pool: str
    scheduler: str = "mh"
    forwarding: Forwarding = Forwarding.DR
    persistence: float = 0.0
    table: str = ""
    flows: int | None = None
    strays: int | None = None
    anchored: int = 0
    members: tuple[MemberStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedVip(VipStatus):
    """A VIP and its services."""

    services: tuple[ServiceStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnatAddressStatus(AddressStatus):
    """An address of a SNAT pool that is this director's."""

    address: IPAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """How a pool stands (``core.quorum.Standing``)."""

    up: int
    unknown: int
    total: int
    needs: int
    of: QuorumOf
    fit: bool
    sorry: bool = False
    panic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorCheckStatus:
    """The verdict of one of the director's own checks."""

    verdict: VerdictState
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncerStatus:
    """A director that announces a VIP; ``lane`` is None where no lane has its ``cost``."""

    director: str
    lane: Lane | None
    cost: int
    external: bool
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingStatus:
    """Something wrong with the announcements, in words that an operator can act on."""

    kind: FindingKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterViewStatus:
    """Who announces what; ``age``: seconds since the last look, None before the first."""

    age: float | None = None
    warnings: tuple[FindingStatus, ...] = ()
    announcements: Mapping[IPAddress, tuple[AnnouncerStatus, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowStatus:
    """The next maintenance window, from ``begins`` to ``ends`` in seconds since 1970."""

    name: str
    reason: str
    begins: float
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PortUseStatus:
    """How much of an address's ports is in use, to the remote that has the most (``fullest``)."""

    kind: AddressKind
    used: int
    capacity: int
    connections: int
    fullest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsStatus:
    """How much of the ports of local and SNAT addresses is in use; ``conntrack``: None before it is read."""

    addresses: Mapping[IPAddress, PortUseStatus] = field(default_factory=dict)
    conntrack: ConntrackFailures | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """Another director, as the other end of the peer channel.

    ``state``, for ``age`` seconds, and ``because``: whether it is heard. ``reads``: whether it hears this
    director; ``turned_away``: why it was not let to, the last time. ``behind``: it has not taken in all of
    this director's anchors yet. ``tables_differ``: the services whose table it has otherwise.
    """

    peer: str
    address: IPAddress
    state: PeerState
    age: float
    because: str = ""
    reads: bool = False
    turned_away: str = ""
    behind: bool = False
    tables_differ: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a director and its parts are, by what has been read.

    ``late``: what the controller has not done in time, and for how many seconds. ``errors``: what could not
    be done. ``odd_tables``: services whose table most directors have otherwise. ``rivals``: who else changes
    IPVS. ``unprobed``: checks that bring no results, and why.
    """

    ready: bool = True
    leaving: bool = False
    late: Mapping[str, float] = field(default_factory=dict)
    fit: bool
    unfit_because: str = ""
    inventory: InventoryStatus
    frr: FrrStatus
    ipvs: IpvsStatus
    checks: EngineStatus
    unprobed: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    odd_tables: tuple[str, ...] = ()
    rivals: str = ""
    vips: tuple[VipStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Condition):
    """The whole status of a director.

    ``tables``: the joint digest of the tables of all services. ``uplinks``: which have carrier. ``filled``:
    how full the kernel's tables are, in per cent. ``paused``: the reason of the pause in force.
    ``heartbeats``: VRRP's, that go over one cable alone. ``two_masters``: the VIPs that another director may
    serve, too. ``inside``: members that call a VIP of their own pool. ``joined``: the peers have told of
    their anchors. ``uncovered``: what a change of directors would cost because they are not told of this
    one's. ``uncounted``: why the last count of flows failed.
    """

    director: str
    version: str
    router_id: IPv4Address
    cluster: str
    tables: str = ""
    uplinks: Mapping[str, bool] = field(default_factory=dict)
    filled: Mapping[str, float] = field(default_factory=dict)
    director_checks: Mapping[str, DirectorCheckStatus] = field(default_factory=dict)
    pools: Mapping[str, PoolStatus] = field(default_factory=dict)
    cluster_view: ClusterViewStatus = field(default_factory=ClusterViewStatus)
    paused: str = ""
    next_window: WindowStatus | None = None
    intents: tuple[Intent, ...] = ()
    vips: tuple[ServedVip, ...] = ()
    snat: tuple[SnatAddressStatus, ...] = ()
    heartbeats: tuple[str, ...] = ()
    two_masters: tuple[IPAddress, ...] = ()
    ports: PortsStatus = field(default_factory=PortsStatus)
    inside: tuple[str, ...] = ()
    peers: tuple[PeerStatus, ...] = ()
    joined: bool = True
    uncovered: tuple[str, ...] = ()
    uncounted: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
