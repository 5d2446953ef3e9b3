"""Steps from one director state to another; a plan is a tuple of them in a safe order.

A step's text is what an operator reads. ``core.plan.order`` has its place in a plan, and mypy refuses a kind
of step that a ``match`` over ``Step`` leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ProtocolTimeouts,
    ServiceFlag,
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

    def __str__(self) -> str:
        return f"set sysctl {self.name.replace('/', '.')} = {self.value}"


@dataclass(frozen=True, slots=True)
class AddService:
    """Create a virtual service without destinations."""

    service: VirtualService

    def __str__(self) -> str:
        return f"add service {self.service.key} {_attributes(self.service)}"


@dataclass(frozen=True, slots=True)
class EditService:
    """Change a virtual service in place; its connections and destinations stay."""

    service: VirtualService

    def __str__(self) -> str:
        return f"edit service {self.service.key} {_attributes(self.service)}"


@dataclass(frozen=True, slots=True)
class RemoveService:
    """Delete a virtual service with its destinations."""

    key: ServiceKey

    def __str__(self) -> str:
        return f"remove service {self.key}"


@dataclass(frozen=True, slots=True)
class AddDestination:
    """Insert a destination; it becomes the last of the service's insertion order."""

    service: ServiceKey
    destination: Destination

    def __str__(self) -> str:
        return f"add member {self.destination.key} to {self.service} {_weight(self.destination)}"


@dataclass(frozen=True, slots=True)
class EditDestination:
    """Change a destination in place; its connections stay."""

    service: ServiceKey
    destination: Destination

    def __str__(self) -> str:
        return f"edit member {self.destination.key} of {self.service} {_weight(self.destination)}"


@dataclass(frozen=True, slots=True)
class RemoveDestination:
    """Delete a destination."""

    service: ServiceKey
    key: DestinationKey

    def __str__(self) -> str:
        return f"remove member {self.key} from {self.service}"


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Read these services from the kernel: a VIP is announced only when they are as planned."""

    services: Mapping[ServiceKey, ServiceState]

    def __str__(self) -> str:
        one, *others = self.services
        return f"read back {len(self.services)} services" if others else f"read back {one}"


@dataclass(frozen=True, slots=True)
class SetTimeouts:
    """Set IPVS's connection timeouts; 0 leaves one as it is."""

    timeouts: ProtocolTimeouts

    def __str__(self) -> str:
        parts = {"tcp": self.timeouts.tcp, "tcp-fin": self.timeouts.tcp_fin, "udp": self.timeouts.udp}
        return "set timeouts " + ", ".join(f"{name} {value} s" for name, value in parts.items() if value)


@dataclass(frozen=True, slots=True)
class LoadRules:
    """Put a whole table in the place of ours, in one transaction; no chains: delete it.

    ``tidies``: it only takes away what the table has for VIPs, and what serves them goes first.
    """

    rules: Rules
    tidies: bool = False

    def __str__(self) -> str:
        elements = sum(len(each.elements) for each in self.rules.sets.values())
        return f"load nftables rules, {elements} elements" if self.rules.chains else "remove nftables rules"


@dataclass(frozen=True, slots=True)
class ChangeSets:
    """Change elements of our named sets and maps, in one transaction; ``tidies`` as in ``LoadRules``."""

    changes: tuple[SetChange, ...]
    tidies: bool = False

    def __str__(self) -> str:
        return "nftables sets: " + ", ".join(f"{c.name} +{len(c.add)} -{len(c.remove)}" for c in self.changes)


@dataclass(frozen=True, slots=True)
class CreateLane:
    """Create a lane's interface and bring it up."""

    lane: Lane

    def __str__(self) -> str:
        return f"create lane {self.lane.value}"


@dataclass(frozen=True, slots=True)
class RemoveLane:
    """Delete a lane's interface."""

    lane: Lane

    def __str__(self) -> str:
        return f"remove lane {self.lane.value}"


@dataclass(frozen=True, slots=True)
class AddLocalRoute:
    """Make the kernel deliver packets to a VIP locally, announced or not."""

    vip: IPAddress

    def __str__(self) -> str:
        return f"add local route {self.vip}"


@dataclass(frozen=True, slots=True)
class RemoveLocalRoute:
    """Stop delivering a VIP's packets locally."""

    vip: IPAddress

    def __str__(self) -> str:
        return f"remove local route {self.vip}"


@dataclass(frozen=True, slots=True)
class AddPeer:
    """Make the way that packets with a director's mark take to it."""

    peer: Peer

    def __str__(self) -> str:
        return f"add peer {self.peer.address} for mark {self.peer.mark:#x}"


@dataclass(frozen=True, slots=True)
class RemovePeer:
    """Take the way to a director away, and forget the connections that used it."""

    peer: Peer

    def __str__(self) -> str:
        return f"remove peer {self.peer.address} of mark {self.peer.mark:#x}"


@dataclass(frozen=True, slots=True)
class AddDevice:
    """Make a virtual router's device, or make it whole; vrrpd alone brings it up."""

    device: VrrpDevice

    def __str__(self) -> str:
        return f"create device {self.device.name} on {self.device.link}"


@dataclass(frozen=True, slots=True)
class RemoveDevice:
    """Delete a virtual router's device."""

    device: VrrpDevice

    def __str__(self) -> str:
        return f"remove device {self.device.name} on {self.device.link}"


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

    def __str__(self) -> str:
        lines = (*self.add, *self.remove)
        match self.part:
            case FrrPart.VRRP_STAND:
                return f"stand for election by VRRP: {', '.join(sorted(map(str, self.vips))) or 'nothing'}"
            case FrrPart.VRRP_YIELD:
                return f"give way in VRRP: {', '.join(dict.fromkeys(map(_router, lines)))}"
            case FrrPart.GATEWAY:
                verb = "start" if self.add else "cease"
                return f"{verb} to be the default route ({lines[0].context[-1]})"
            case FrrPart.ROUTING:
                return f"configure frr: {len(self.add)} lines to add, {len(self.remove)} to remove"
            case _:
                assert_never(self.part)


@dataclass(frozen=True, slots=True)
class Announce:
    """Put a VIP's address on a lane."""

    vip: IPAddress
    lane: Lane

    def __str__(self) -> str:
        return f"announce {self.vip} on lane {self.lane.value}"


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take a VIP's address off a lane."""

    vip: IPAddress
    lane: Lane

    def __str__(self) -> str:
        return f"withdraw {self.vip} from lane {self.lane.value}"


@dataclass(frozen=True, slots=True)
class AwaitWithdrawn:
    """Wait until the switch has forgotten these VIPs and their packets have gone elsewhere."""

    vips: frozenset[IPAddress]

    def __str__(self) -> str:
        return f"wait until no packets come for {', '.join(sorted(map(str, self.vips)))}"


RuleStep = LoadRules | ChangeSets
SettingStep = SetSysctl | SetTimeouts | RuleStep
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
KernelStep = SettingStep | IpvsStep | LinkStep
Step = KernelStep | ReadBack | ConfigureFrr | AwaitWithdrawn
TidyingStep = AwaitWithdrawn | RemoveService | RemoveLocalRoute | RemoveLane | RemoveDevice | RemovePeer
Plan = tuple[Step, ...]


def service_of(step: IpvsStep) -> ServiceKey:
    """Return the service that a step touches."""
    match step:
        case AddService() | EditService():
            return step.service.key
        case RemoveService():
            return step.key
        case _:
            return step.service


def is_tidying(step: Step) -> bool:
    """Say whether a step takes something away that was of use, so that it can wait until all is well."""
    return isinstance(step, TidyingStep) or (isinstance(step, RuleStep) and step.tidies)


@dataclass(frozen=True, slots=True)
class StepError:
    """A step that failed: ``errno`` as the kernel gave it (0 where it did not), and what it means."""

    step: Step
    errno: int
    message: str

    def __str__(self) -> str:
        return f"{self.step}: {self.message}"


def _attributes(service: VirtualService) -> str:
    text = f"scheduler {service.scheduler}"
    if service.flags:
        text += f" flags {ServiceFlag(service.flags).value:#x}"
    return f"{text} persistence {service.timeout} s" if service.timeout else text


def _weight(destination: Destination) -> str:
    return f"{destination.method.name.lower()} weight {destination.weight}"


def _router(line: FrrLine) -> str:
    return f"virtual router {line.text.removeprefix('no ').split()[1]} on {line.context[-1].split()[-1]}"
