"""What the controller asks of its drivers; the fakes and the real ones pass the same contract suites.

Every method but FRR's blocks and may be called from one worker thread at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.ipvs import ProtocolTimeouts, ServiceKey, ServiceState, ServiceStatistics
from clusterlb.model.lsdb import Databases
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import IpvsStep, LinkStep, RuleStep, StepError
from clusterlb.model.port_use import AddressUse, ConntrackFailures
from clusterlb.model.rules import Element, Rules
from clusterlb.model.snat import Peer
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpDevice, VrrpRouter


class DriverError(Exception):
    """A driver could not do what it was asked; the text says what, where and what to do."""


class FrrLockedError(DriverError):
    """Nothing was changed: another session has a lock, and the same call will do once that is released."""


class IpvsDriver(Protocol):
    """The kernel's IPVS tables of this network namespace."""

    def read(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceState]:
        """Return the services asked for that exist (all when None), destinations in insertion order."""

    def statistics(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceStatistics]:
        """Return live connections and counters of the services asked for that exist."""

    def apply(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        """Carry out all steps in order and return those that failed; the others took effect."""

    def timeouts(self) -> ProtocolTimeouts:
        """Return the connection timeouts in seconds."""

    def set_timeouts(self, wanted: ProtocolTimeouts) -> None:
        """Set connection timeouts, 0 leaves one as it is; DriverError when the kernel refuses."""

    def close(self) -> None:
        """Release the socket; nothing changes in the kernel."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the kernel's links, addresses and routes say about us. ``lanes``: those that are fit for use.

    ``peers``: the directors to which there is a way; a way that is not whole leads to ``::`` or ``0.0.0.0``.
    ``devices``: those of virtual routers that are whole.
    """

    lanes: frozenset[Lane]
    announced: Mapping[IPAddress, frozenset[Lane]]
    local_routes: frozenset[IPAddress]
    carrier: Mapping[str, bool]
    peers: frozenset[Peer] = frozenset()
    devices: frozenset[VrrpDevice] = frozenset()


class LinkDriver(Protocol):
    """Lane interfaces, the VIPs on them, the routes that deliver them, and the ways to other directors.

    ``external``: the families whose VIPs are routes over the lanes, not addresses; None: both forms count.
    """

    external: Set[AddressFamily] | None

    def read(self) -> LinkState:
        """Return the lanes, the VIPs on them, our local routes, and each uplink's carrier."""

    def apply(self, steps: Sequence[LinkStep]) -> list[StepError]:
        """Carry out all steps in order and return those that failed."""

    def close(self) -> None:
        """Release the socket; nothing changes in the kernel."""


class SysctlDriver(Protocol):
    """Kernel settings of this network namespace, by names with slashes."""

    def read(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the names that exist."""

    def read_settable(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the names that exist and may be written here; some only the host's may."""

    def write(self, name: str, value: str) -> None:
        """Set one value, or raise DriverError."""


@dataclass(frozen=True, slots=True)
class OspfNeighbor:
    """One OSPF neighbour as FRR reports it; ``full`` is the state that carries routes.

    ``address``: of its end of the link, empty where FRR does not say. ``family``: that of the routes: OSPFv2
    carries IPv4's, OSPFv3 IPv6's (RFC 5340).
    """

    router_id: str
    interface: str
    state: str
    address: str = ""
    family: AddressFamily = AddressFamily.IPV4

    @property
    def full(self) -> bool:
        """Say whether the adjacency carries routes."""
        return self.state.startswith("Full")


@dataclass(frozen=True, slots=True)
class BfdSession:
    """A BFD session with a neighbour on one link: the peer's address, and the interface."""

    address: str
    interface: str


class FrrDriver(Protocol):
    """FRR on this director, through vtysh."""

    async def read(self) -> tuple[FrrLine, ...]:
        """Return the running configuration, line by line in its contexts, or raise DriverError."""

    async def configure(self, add: Sequence[FrrLine], remove: Sequence[FrrLine]) -> tuple[FrrLine, ...]:
        """Add and remove lines, keep every other, and return what runs then.

        Raises DriverError, with the old configuration still running, when FRR rejects the result.
        """

    async def neighbors(self, family: AddressFamily) -> tuple[OspfNeighbor, ...]:
        """Return the neighbours of OSPFv2 or OSPFv3; DriverError when ospfd or ospf6d does not answer."""

    async def databases(self, *, ipv6: bool) -> Databases:
        """Return the OSPF link-state databases, OSPFv3's too with ``ipv6``; DriverError without an answer."""

    async def bfd_up(self) -> frozenset[BfdSession]:
        """Return the BFD sessions of one hop that are up, whoever asked for them; DriverError on silence."""

    async def virtual_routers(self) -> tuple[VrrpRouter, ...]:
        """Return VRRP's virtual routers that have addresses; DriverError when vrrpd does not answer."""


class RulesDriver(Protocol):
    """Our nftables tables of this network namespace; no other table is looked at.

    ``inet clusterlb`` is part of a director's state. ``inet clusterlb_watch`` is there for moments.
    """

    def read(self) -> Rules:
        """Return our table, empty when there is none; DriverError when nft is missing or refuses."""

    def apply(self, step: RuleStep) -> None:
        """Carry out one step as one transaction, or raise DriverError with the old table in force."""

    def check(self, rules: Rules) -> None:
        """Raise DriverError when this table cannot be loaded here; nothing is changed."""

    def watch(self, rules: Rules) -> None:
        """Load these rules as the table that watches, in the place of an earlier one; NO_RULES ends it.

        DriverError when nftables refuses; the earlier one is in force then.
        """

    def seen(self, name: str) -> frozenset[Element]:
        """Return the keys of a set of the table that watches; empty when there is no such set."""


class ConntrackDriver(Protocol):
    """Connection tracking of this network namespace; each call has a socket and may have a thread of its own.

    Only connections with a translated source count. Every method raises DriverError when the kernel refuses.
    """

    def port_use(self, addresses: Collection[IPAddress]) -> dict[IPAddress, AddressUse]:
        """Return how much each of these addresses is used as a translated source, unused ones too."""

    def flows_of(self, addresses: Collection[IPAddress]) -> int:
        """Return how many connections live on these addresses; TCP's in TIME_WAIT or CLOSE are over."""

    def failures(self) -> ConntrackFailures:
        """Return what connection tracking could not do."""
