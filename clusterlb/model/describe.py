"""Write a step the way an operator would say it."""

from __future__ import annotations

from clusterlb.model.ipvs import Destination, ServiceFlag, VirtualService
from clusterlb.model.plan import (
    AddDestination,
    AddDevice,
    AddLocalRoute,
    AddPeer,
    AddService,
    Announce,
    AwaitWithdrawn,
    ChangeSets,
    ConfigureFrr,
    CreateLane,
    EditDestination,
    EditService,
    FrrPart,
    LoadRules,
    ReadBack,
    RemoveDestination,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    RemoveService,
    SetSysctl,
    SetTimeouts,
    Step,
    Withdraw,
)
from clusterlb.model.rules import SetChange
from clusterlb.model.state import FrrLine


def describe(step: Step) -> str:
    """Return one step as one line of plain words."""
    match step:
        case SetSysctl(name, value):
            return f"set sysctl {name.replace('/', '.')} = {value}"
        case AddService(service) | EditService(service):
            verb = "add" if isinstance(step, AddService) else "edit"
            return f"{verb} service {service.key} {_service(service)}"
        case RemoveService(key):
            return f"remove service {key}"
        case AddDestination(key, destination):
            return f"add member {destination.key} to {key} {_destination(destination)}"
        case EditDestination(key, destination):
            return f"edit member {destination.key} of {key} {_destination(destination)}"
        case RemoveDestination(key, member):
            return f"remove member {member} from {key}"
        case ReadBack(services):
            return f"read back {len(services)} services"
        case _:
            return _describe_rules(step)


def _describe_rules(step: Step) -> str:
    match step:
        case SetTimeouts(timeouts):
            parts = {"tcp": timeouts.tcp, "tcp-fin": timeouts.tcp_fin, "udp": timeouts.udp}
            return "set timeouts " + ", ".join(f"{name} {value} s" for name, value in parts.items() if value)
        case LoadRules(rules):
            elements = sum(len(each.elements) for each in rules.sets.values())
            return f"load nftables rules, {elements} elements" if rules.chains else "remove nftables rules"
        case ChangeSets(changes):
            return "nftables sets: " + ", ".join(map(_change, changes))
        case _:
            return _describe_rest(step)


def _describe_rest(step: Step) -> str:
    match step:
        case CreateLane(lane):
            return f"create lane {lane.value}"
        case RemoveLane(lane):
            return f"remove lane {lane.value}"
        case AddLocalRoute(vip):
            return f"add local route {vip}"
        case RemoveLocalRoute(vip):
            return f"remove local route {vip}"
        case AddPeer(peer):
            return f"add peer {peer.address} for mark {peer.mark:#x}"
        case RemovePeer(peer):
            return f"remove peer {peer.address} of mark {peer.mark:#x}"
        case ConfigureFrr():
            return _describe_frr(step)
        case AddDevice(device) | RemoveDevice(device):
            verb = "create" if isinstance(step, AddDevice) else "remove"
            return f"{verb} device {device.name} on {device.link}"
        case Announce(vip, lane):
            return f"announce {vip} on lane {lane.value}"
        case Withdraw(vip, lane):
            return f"withdraw {vip} from lane {lane.value}"
        case AwaitWithdrawn(vips):
            return f"wait until no packets come for {', '.join(sorted(map(str, vips)))}"
        case _:
            raise TypeError(f"not a step: {step!r}")


def _describe_frr(step: ConfigureFrr) -> str:
    match step:
        case ConfigureFrr(vips=vips, part=FrrPart.VRRP_STAND):
            return f"stand for election by VRRP: {', '.join(sorted(map(str, vips))) or 'nothing'}"
        case ConfigureFrr(add, remove, part=FrrPart.VRRP_YIELD):
            return f"give way in VRRP: {', '.join(dict.fromkeys(_router(line) for line in (*add, *remove)))}"
        case ConfigureFrr(add, remove, part=FrrPart.GATEWAY):
            return f"{'start' if add else 'cease'} to be the default route ({(add or remove)[0].context[-1]})"
        case _:
            return f"configure frr: {len(step.add)} lines to add, {len(step.remove)} to remove"


def _router(line: FrrLine) -> str:
    return f"virtual router {line.text.removeprefix('no ').split()[1]} on {line.context[-1].split()[-1]}"


def _change(change: SetChange) -> str:
    return f"{change.name} +{len(change.add)} -{len(change.remove)}"


def _service(service: VirtualService) -> str:
    text = f"scheduler {service.scheduler}"
    if service.flags:
        text += f" flags {ServiceFlag(service.flags).value:#x}"
    return f"{text} persistence {service.timeout} s" if service.timeout else text


def _destination(destination: Destination) -> str:
    return f"{destination.method.name.lower()} weight {destination.weight}"
