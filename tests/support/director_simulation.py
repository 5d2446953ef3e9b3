"""A director as a value: what each step does to its state, and what the kernel, nft and FRR refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from clusterlb.core.plan.diff import service_steps
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.ipvs import Destination, ServiceKey, ServiceState
from clusterlb.model.ospf import Lane
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
    LoadRules,
    ReadBack,
    RemoveDestination,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    RemoveService,
    RuleStep,
    SetSysctl,
    SetTimeouts,
    Step,
    Withdraw,
)
from clusterlb.model.rules import Rules
from clusterlb.model.snat import Peer
from clusterlb.model.state import DirectorState, FrrLine
from tests.support.fake_rules import FakeRules

Ways = dict[tuple[int, AddressFamily], Peer]


class RefusedError(Exception):
    """What a driver would answer, or a step that finds nothing to do: no plan has either."""


def apply(state: DirectorState, step: Step) -> DirectorState:
    """Return the state after a step; RefusedError where a driver refuses it or finds nothing to do."""
    match step:
        case SetSysctl(name, value):
            _refuse(state.sysctls.get(name) == value, f"{name} is {value} already")
            return replace(state, sysctls={**state.sysctls, name: value})
        case SetTimeouts(timeouts):
            changed = state.timeouts.changed(timeouts)
            _refuse(changed == state.timeouts, "the timeouts are so already")
            return replace(state, timeouts=changed)
        case LoadRules() | ChangeSets():
            return replace(state, rules=_rules(state.rules, step))
        case AddService(service):
            _refuse(service.key in state.services, "EEXIST")
            return _with_service(state, ServiceState(service))
        case EditService(service):
            return _with_service(state, replace(_service(state, service.key), service=service))
        case RemoveService(key):
            _service(state, key)
            return replace(state, services={k: s for k, s in state.services.items() if k != key})
        case AddDestination(key, destination):
            there = _service(state, key)
            _refuse(destination.key in {d.key for d in there.destinations}, "EEXIST")
            added = (*there.destinations, destination)
            return _with_service(state, replace(there, destinations=added))
        case EditDestination(key, destination):
            return _with_service(state, _edited(_service(state, key), destination))
        case RemoveDestination(key, member):
            there = _service(state, key)
            others = tuple(d for d in there.destinations if d.key != member)
            _refuse(len(others) == len(there.destinations), "ENOENT")
            return _with_service(state, replace(there, destinations=others))
        case ReadBack(services):
            for key, wanted in services.items():
                left = service_steps(key, wanted, state.services.get(key))
                _refuse(bool(left), f"{key} reads back otherwise")
            return state
        case CreateLane(lane):
            return replace(state, lanes=state.lanes | {lane})
        case RemoveLane(lane):
            _refuse(lane not in state.lanes, "ENODEV")
            _refuse(any(lane in on for on in state.announced.values()), "a VIP's address goes with its lane")
            return replace(state, lanes=state.lanes - {lane})
        case AddDevice(device):
            kept = {each for each in state.devices if each.name != device.name}
            _refuse(device in state.devices, "EEXIST")
            _refuse((device.link, device.mac) in {(each.link, each.mac) for each in kept}, "EADDRINUSE")
            return replace(state, devices=frozenset({*kept, device}))
        case RemoveDevice(device):
            _refuse(device not in state.devices, "ENODEV")
            return replace(state, devices=state.devices - {device})
        case AddPeer(peer):
            _refuse(peer in state.peers, "EEXIST")
            return replace(state, peers=frozenset({**_ways(state), _way(peer): peer}.values()))
        case RemovePeer(peer):
            _refuse(peer not in state.peers, "ENOENT")
            _refuse(leads_to(state.rules, peer), "a map still leads to it")
            return replace(state, peers=state.peers - {peer})
        case AddLocalRoute(vip):
            _refuse(vip in state.local_routes, "EEXIST")
            return replace(state, local_routes=state.local_routes | {vip})
        case RemoveLocalRoute(vip):
            _refuse(vip not in state.local_routes, "ESRCH")
            return replace(state, local_routes=state.local_routes - {vip})
        case ConfigureFrr(add, remove):
            return replace(state, frr=_configured(state.frr, add, remove))
        case Announce(vip, lane):
            _refuse(lane not in state.lanes, "ENODEV")
            return _with_lanes(state, vip, state.announced.get(vip, frozenset()) | {lane})
        case Withdraw(vip, lane):
            on = state.announced.get(vip, frozenset())
            _refuse(lane not in on, "EADDRNOTAVAIL")
            return _with_lanes(state, vip, on - {lane})
        case AwaitWithdrawn(vips):
            _refuse(any(vip in state.announced for vip in vips), "its packets never end")
            return state
        case _:
            assert_never(step)


def leads_to(rules: Rules, peer: Peer) -> bool:
    """Say whether a map of the table gives packets of a peer's family its mark."""
    nfproto = "2" if family_of(peer.address) is AddressFamily.IPV4 else "10"
    return any(
        key[0] == nfproto and value == f"{peer.mark:#010x}"
        for named in rules.sets.values()
        for key, value in named.elements.items()
    )


def _refuse(refused: bool, why: str) -> None:
    if refused:
        raise RefusedError(why)


def _rules(rules: Rules, step: RuleStep) -> Rules:
    nft = FakeRules(rules)
    nft.apply(step)
    return nft.read()


def _service(state: DirectorState, key: ServiceKey) -> ServiceState:
    _refuse(key not in state.services, "ESRCH")
    return state.services[key]


def _with_service(state: DirectorState, service: ServiceState) -> DirectorState:
    return replace(state, services={**state.services, service.service.key: service})


def _edited(state: ServiceState, destination: Destination) -> ServiceState:
    _refuse(destination.key not in {d.key for d in state.destinations}, "ENOENT")
    edited = (destination if d.key == destination.key else d for d in state.destinations)
    return replace(state, destinations=tuple(edited))


def _with_lanes(state: DirectorState, vip: IPAddress, lanes: frozenset[Lane]) -> DirectorState:
    others = {each: on for each, on in state.announced.items() if each != vip}
    return replace(state, announced={**others, vip: lanes} if lanes else others)


def _configured(
    running: tuple[FrrLine, ...], add: tuple[FrrLine, ...], remove: tuple[FrrLine, ...]
) -> tuple[FrrLine, ...]:
    _refuse(any(line not in running for line in remove), "no such line to remove")
    left = tuple(line for line in running if line not in remove)
    _refuse(any(line in left for line in add), "the line is there already")
    return (*left, *add)


def _way(peer: Peer) -> tuple[int, AddressFamily]:
    return peer.mark, family_of(peer.address)


def _ways(state: DirectorState) -> Ways:
    return {_way(peer): peer for peer in state.peers}
