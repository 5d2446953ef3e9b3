"""The interfaces of the drivers; each fake and its real driver pass the same contract suite.

All methods but FRR's block, and may be called from one worker thread at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from clusterlb.core.census import Census, Survey
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
    """A driver's call failed; the text says what failed, where, and what to do."""


class FrrLockedError(DriverError):
    """Nothing was changed, as another session holds FRR's lock; the same call works after its release."""


class IpvsDriver(Protocol):
    """The kernel's IPVS tables of this network namespace."""

    def read(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceState]:
        """Return the services asked for that exist (all when None), destinations in insertion order."""

    def statistics(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceStatistics]:
        """Return live connections and counters of the services asked for that exist."""

    def apply(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        """Carry out all steps in order; return the failed ones; the others took effect."""

    def census(self, survey: Survey) -> Census:
        """Count live flows and strays by the entries as they are now; may run beside the other methods."""

    def timeouts(self) -> ProtocolTimeouts:
        """Return the connection timeouts in seconds."""

    def set_timeouts(self, wanted: ProtocolTimeouts) -> None:
        """Set connection timeouts in seconds, 0 keeps the old one; DriverError when the kernel refuses."""

    def close(self) -> None:
        """Release the socket; nothing changes in the kernel."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """Our links, addresses and routes in the kernel. ``lanes``: the lanes that are ready for VIPs.

    ``peers``: the directors with a policy rule; the address is ``::`` or ``0.0.0.0`` where the rest of the
    path is missing. ``devices``: the complete devices of virtual routers.
    """

    lanes: frozenset[Lane]
    announced: Mapping[IPAddress, frozenset[Lane]]
    local_routes: frozenset[IPAddress]
    carrier: Mapping[str, bool]
    peers: frozenset[Peer] = frozenset()
    devices: frozenset[VrrpDevice] = frozenset()


class LinkDriver(Protocol):
    """Lane interfaces, the VIPs on lanes, local routes, and the paths to other directors.

    ``external``: the families whose VIPs are routes over the lanes, not addresses; None: both forms count.
    """

    external: Set[AddressFamily] | None

    def read(self) -> LinkState:
        """Return the lanes, the VIPs on lanes, our local routes, and each uplink's carrier."""

    def apply(self, steps: Sequence[LinkStep]) -> list[StepError]:
        """Carry out all steps in order; return the failed ones."""

    def close(self) -> None:
        """Release the socket; nothing changes in the kernel."""


class SysctlDriver(Protocol):
    """Kernel settings of this network namespace, by names with slashes."""

    def read(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the names that exist."""

    def read_settable(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the names that exist and are writable in this network namespace."""

    def write(self, name: str, value: str) -> None:
        """Set one value, or raise DriverError."""


@dataclass(frozen=True, slots=True)
class OspfNeighbor:
    """One OSPF neighbour as FRR reports it; ``full`` is the state that carries routes.

    ``address``: the neighbour's address on the link, empty where FRR does not report one. ``family``: of the
    routes; OSPFv2 carries IPv4's, OSPFv3 IPv6's (RFC 5340).
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
        """Add and remove lines, keep all others, and return the configuration that runs afterwards.

        Raises DriverError, with the old configuration still running, when FRR rejects the result.
        """

    async def neighbors(self, family: AddressFamily) -> tuple[OspfNeighbor, ...]:
        """Return the neighbours of OSPFv2 or OSPFv3; DriverError when ospfd or ospf6d does not answer."""

    async def databases(self, *, ipv6: bool) -> Databases:
        """Return the OSPF link-state databases, OSPFv3's too with ``ipv6``; DriverError without an answer."""

    async def bfd_up(self) -> frozenset[BfdSession]:
        """Return all single-hop BFD sessions that are up; DriverError when bfdd does not answer."""

    async def virtual_routers(self) -> tuple[VrrpRouter, ...]:
        """Return VRRP's virtual routers that have addresses; DriverError when vrrpd does not answer."""


class RulesDriver(Protocol):
    """Our nftables tables of this network namespace; no other table is read.

    ``inet clusterlb`` is part of a director's state. ``inet clusterlb_watch``, the watching table, exists
    only while hairpins are looked for.
    """

    def read(self) -> Rules:
        """Return our table, NO_RULES when it does not exist; DriverError when nft is missing or refuses."""

    def apply(self, step: RuleStep) -> None:
        """Carry out one step as one transaction; DriverError leaves the old table in force."""

    def check(self, rules: Rules) -> None:
        """Raise DriverError when this kernel and nft cannot load these rules; nothing is changed."""

    def watch(self, rules: Rules) -> None:
        """Replace the watching table by these rules; NO_RULES deletes the table.

        DriverError, with the old watching table in force, when nftables refuses.
        """

    def noted(self, name: str) -> frozenset[Element]:
        """Return the keys that the kernel has put into a dynamic set of our table; empty without one."""

    def seen(self, name: str) -> frozenset[Element]:
        """Return the keys of a set in the watching table; empty when there is no such set."""


class ConntrackDriver(Protocol):
    """Connection tracking of this network namespace; each call opens a socket, and may run in any thread.

    Only connections with a translated source count. Every method raises DriverError when the kernel refuses.
    """

    def port_use(self, addresses: Collection[IPAddress]) -> dict[IPAddress, AddressUse]:
        """Return each address's use as a translated source; unused addresses have zeros."""

    def flows_of(self, addresses: Collection[IPAddress]) -> int:
        """Return the number of live connections of these addresses, without TCP in TIME_WAIT or CLOSE."""

    def failures(self) -> ConntrackFailures:
        """Return the counters of connections and packets that connection tracking dropped."""
