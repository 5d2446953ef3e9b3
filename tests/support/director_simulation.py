"""A director as a value: what each step does to its state."""

from __future__ import annotations

from dataclasses import replace

from clusterlb.model.ipvs import Destination, ServiceState
from clusterlb.model.plan import (
    AddDestination,
    AddDevice,
    AddLocalRoute,
    AddService,
    Announce,
    AwaitWithdrawn,
    ConfigureFrr,
    CreateLane,
    EditDestination,
    EditService,
    ReadBack,
    RemoveDestination,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemoveService,
    SetSysctl,
    Step,
    Withdraw,
)
from clusterlb.model.state import DirectorState


def apply(state: DirectorState, step: Step) -> DirectorState:
    """Return the state after a step; raise as the kernel would refuse it."""
    services = dict(state.services)
    announced = dict(state.announced)
    match step:
        case SetSysctl(name, value):
            return replace(state, sysctls={**state.sysctls, name: value})
        case AddService(service):
            assert service.key not in services, "EEXIST"
            services[service.key] = ServiceState(service)
        case EditService(service):
            services[service.key] = replace(services[service.key], service=service)
        case RemoveService(key):
            del services[key]
        case AddDestination(key, destination):
            there = services[key].destinations
            assert destination.key not in {d.key for d in there}, "EEXIST"
            services[key] = replace(services[key], destinations=(*there, destination))
        case EditDestination(key, destination):
            services[key] = _edit(services[key], destination)
        case RemoveDestination(key, member):
            there = services[key].destinations
            assert member in {d.key for d in there}, "ENOENT"
            left = tuple(d for d in there if d.key != member)
            services[key] = replace(services[key], destinations=left)
        case CreateLane(lane):
            return replace(state, lanes=state.lanes | {lane})
        case RemoveLane(lane):
            return replace(state, lanes=state.lanes - {lane})
        case AddDevice(device):
            others = {each for each in state.devices if each.name != device.name}
            return replace(state, devices=frozenset({*others, device}))
        case RemoveDevice(device):
            return replace(state, devices=state.devices - {device})
        case AddLocalRoute(vip):
            return replace(state, local_routes=state.local_routes | {vip})
        case RemoveLocalRoute(vip):
            return replace(state, local_routes=state.local_routes - {vip})
        case ConfigureFrr(add, remove):
            left_lines = tuple(line for line in state.frr if line not in remove)
            return replace(state, frr=(*left_lines, *add))
        case Announce(vip, lane):
            assert lane in state.lanes, "ENODEV"
            announced[vip] = announced.get(vip, frozenset()) | {lane}
        case Withdraw(vip, lane):
            rest = announced.pop(vip) - {lane}
            if rest:
                announced[vip] = rest
        case ReadBack() | AwaitWithdrawn():
            return state
    return replace(state, services=services, announced=announced)


def _edit(state: ServiceState, destination: Destination) -> ServiceState:
    assert destination.key in {d.key for d in state.destinations}, "ENOENT"
    return replace(
        state,
        destinations=tuple(destination if d.key == destination.key else d for d in state.destinations),
    )
