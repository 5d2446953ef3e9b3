"""Steps from one director state to another; a plan is a tuple of them in a safe order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ProtocolTimeouts,
    ServiceKey,
    ServiceState,
    VirtualService,
)
from clusterlb.model.ospf import Lane
from clusterlb.model.rules import Rules, SetChange
from clusterlb.model.snat import Peer
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpDevice


@dataclass(frozen=True, slots=True)
class SetSysctl:
    """Write a kernel setting; the name has slashes, as under /proc/sys."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class AddService:
    """Create a virtual service without destinations."""

    service: VirtualService


@dataclass(frozen=True, slots=True)
class EditService:
    """Change a virtual service in place; its connections and destinations stay."""

    service: VirtualService


@dataclass(frozen=True, slots=True)
class RemoveService:
    """Delete a virtual service with its destinations."""

    key: ServiceKey


@dataclass(frozen=True, slots=True)
class AddDestination:
    """Insert a destination; it becomes the last of the service's insertion order."""

    service: ServiceKey
    destination: Destination


@dataclass(frozen=True, slots=True)
class EditDestination:
    """Change a destination in place; its connections stay."""

    service: ServiceKey
    destination: Destination


@dataclass(frozen=True, slots=True)
class RemoveDestination:
    """Delete a destination."""

    service: ServiceKey
    key: DestinationKey


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Read these services from the kernel: a VIP is announced only when they are as planned."""

    services: Mapping[ServiceKey, ServiceState]


@dataclass(frozen=True, slots=True)
class SetTimeouts:
    """Set IPVS's connection timeouts; 0 leaves one as it is."""

    timeouts: ProtocolTimeouts


@dataclass(frozen=True, slots=True)
class LoadRules:
    """Put a whole table in the place of ours, in one transaction; no chains: delete it."""

    rules: Rules


@dataclass(frozen=True, slots=True)
class ChangeSets:
    """Change elements of our named sets and maps, in one transaction."""

    changes: tuple[SetChange, ...]


@dataclass(frozen=True, slots=True)
class CreateLane:
    """Create a lane's interface and bring it up."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class RemoveLane:
    """Delete a lane's interface."""

    lane: Lane


@dataclass(frozen=True, slots=True)
class AddLocalRoute:
    """Make the kernel deliver packets to a VIP locally, announced or not."""

    vip: IPAddress


@dataclass(frozen=True, slots=True)
class RemoveLocalRoute:
    """Stop delivering a VIP's packets locally."""

    vip: IPAddress


@dataclass(frozen=True, slots=True)
class AddPeer:
    """Make the way that packets with a director's mark take to it."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class RemovePeer:
    """Take the way to a director away, and forget the connections that used it."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class AddDevice:
    """Make a virtual router's device, or make it whole; vrrpd alone brings it up."""

    device: VrrpDevice


@dataclass(frozen=True, slots=True)
class RemoveDevice:
    """Delete a virtual router's device."""

    device: VrrpDevice


class FrrPart(Enum):
    """What lines of FRR are about; each part has a place of its own in the order.

    ``GATEWAY``: they make the director the default route. ``VRRP_YIELD``: it gives way in the elections of
    virtual routers. ``VRRP_STAND``: it stands for election.
    """

    ROUTING = auto()
    GATEWAY = auto()
    VRRP_YIELD = auto()
    VRRP_STAND = auto()


@dataclass(frozen=True, slots=True)
class ConfigureFrr:
    """Add lines of ours to FRR's configuration and remove those that are ours no longer.

    ``vips``: those that virtual routers serve from then on, if they are elected.
    """

    add: tuple[FrrLine, ...]
    remove: tuple[FrrLine, ...] = ()
    part: FrrPart = FrrPart.ROUTING
    vips: frozenset[IPAddress] = frozenset()


@dataclass(frozen=True, slots=True)
class Announce:
    """Put a VIP's address on a lane."""

    vip: IPAddress
    lane: Lane


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a VIP's address off a lane."""

    vip: IPAddress
    lane: Lane


@dataclass(frozen=True, slots=True)
class AwaitWithdrawn:
    """Wait until the switch has forgotten these VIPs and their packets have gone elsewhere."""

    vips: frozenset[IPAddress]


RuleStep = LoadRules | ChangeSets
IpvsStep = AddService | EditService | RemoveService | AddDestination | EditDestination | RemoveDestination
LinkStep = (
    CreateLane
    | RemoveLane
    | AddDevice
    | RemoveDevice
    | AddLocalRoute
    | RemoveLocalRoute
    | AddPeer
    | RemovePeer
    | Announce
    | Withdraw
)
Step = SetSysctl | SetTimeouts | RuleStep | IpvsStep | ReadBack | LinkStep | ConfigureFrr | AwaitWithdrawn
Plan = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class StepError:
    """A step that failed: ``errno`` as the kernel gave it (0 where it did not), and what it means."""

    step: Step
    errno: int
    message: str
