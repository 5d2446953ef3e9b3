"""Which steps of a plan can be taken although others cannot: what needs none of the broken part goes on.

Weights and withdrawals must not wait for a disk that is full, an FRR that takes its time or a setting that
the kernel refuses. What gives clients more to go to waits for what it is built on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import assert_never

from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import ServiceKey, VirtualService
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
    IpvsStep,
    LoadRules,
    Plan,
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
    SettingStep,
    Step,
    Withdraw,
    service_of,
)

_ROUTING = (FrrPart.ROUTING, FrrPart.GATEWAY)
VipsOf = Callable[[ServiceKey], frozenset[IPAddress]]
_SETTINGS = (SetSysctl, SetTimeouts)


def separate(plan: Iterable[Step], undone: Collection[Step], vips_of: VipsOf) -> tuple[Plan, Plan]:
    """Return the steps that need none of the ``undone``, and those that have to wait with them.

    The undone steps themselves are in neither.
    """
    plan = tuple(plan)
    out = {id(step) for step in undone}
    held = list(undone)
    going: list[Step] = []
    moved = {(s.service, s.destination.key) for s in plan if isinstance(s, AddDestination)}
    for step in plan:
        if id(step) in out:
            continue
        if _has_to_wait(step, held, moved, vips_of):
            held.append(step)
        elif isinstance(step, ReadBack):
            left = {key: state for key, state in step.services.items() if key not in _services(held)}
            if left:
                going.append(step if left == step.services else ReadBack(left))
        else:
            going.append(step)
    return tuple(going), tuple(held[len(undone) :])


def _has_to_wait(  # noqa: PLR0912 - a table
    step: Step, held: Collection[Step], moved: Collection[object], vips_of: VipsOf
) -> bool:
    rules = any(isinstance(one, RuleStep) and not one.tidies for one in held)
    settings = any(isinstance(one, _SETTINGS) for one in held)
    match step:
        case AddService():
            return rules or settings
        case AddDestination(key):
            return rules or _lacks(key, held)
        case RemoveDestination(key, destination):
            return (rules and (key, destination) in moved) or _lacks(key, held)
        case EditDestination(service=key) | EditService(VirtualService(key=key)):
            return _lacks(key, held)
        case SetSysctl() | SetTimeouts() | AddPeer():
            return settings
        case LoadRules(tidies=False) | ChangeSets(tidies=False):
            return settings or any(isinstance(one, AddPeer) or _ceases(one) for one in held)
        case CreateLane() | AddDevice() | AddLocalRoute():
            return rules
        case ConfigureFrr():
            return _frr_waits(step, held, vips_of)
        case Announce(vip, lane):
            return rules or settings or _routing(held) or _unready(vip, lane, held, vips_of)
        case Withdraw(vip):
            return any(isinstance(one, Announce) and one.vip == vip for one in held)
        case ReadBack():
            return False  # what is held is left out of it
        case AwaitWithdrawn() | RemoveService() | RemoveLocalRoute() | RemoveLane() | RemoveDevice():
            return bool(held)
        case RemovePeer() | LoadRules() | ChangeSets():
            return bool(held)
        case _:
            assert_never(step)


def _frr_waits(step: ConfigureFrr, held: Collection[Step], vips_of: VipsOf) -> bool:
    """Say whether a change of FRR's has to wait; one that gives way to other directors waits for nothing."""
    match step.part:
        case FrrPart.VRRP_YIELD:
            return False
        case FrrPart.VRRP_STAND:
            if any(_missing(vip, held, vips_of) for vip in step.vips):
                return True
            return any(isinstance(one, SettingStep | AddDevice | ConfigureFrr) for one in held)
        case FrrPart.ROUTING | FrrPart.GATEWAY:
            return any(isinstance(one, SettingStep | CreateLane | AddPeer | ConfigureFrr) for one in held)
        case _:
            assert_never(step.part)


def _routing(held: Collection[Step]) -> bool:
    """Say whether a change is held without which OSPF does not announce as it should."""
    return any(isinstance(one, ConfigureFrr) and one.part in _ROUTING for one in held)


def _ceases(step: Step) -> bool:
    """Say whether a step takes the default route away, which goes before what it leads to."""
    return isinstance(step, ConfigureFrr) and step.part is FrrPart.GATEWAY and not step.add


def _lacks(key: ServiceKey, held: Collection[Step]) -> bool:
    return any(isinstance(one, AddService) and one.service.key == key for one in held)


def _services(held: Collection[Step]) -> set[ServiceKey]:
    """Return the services that are not going to be as planned."""
    steps = (one for one in held if isinstance(one, IpvsStep) and not isinstance(one, RemoveService))
    return {service_of(step) for step in steps}


def _unready(vip: IPAddress, lane: object, held: Collection[Step], vips_of: VipsOf) -> bool:
    return _missing(vip, held, vips_of) or any(
        (isinstance(one, CreateLane) and one.lane is lane) or (isinstance(one, Announce) and one.vip == vip)
        for one in held
    )


def _missing(vip: IPAddress, held: Collection[Step], vips_of: VipsOf) -> bool:
    """Say whether something is held without which this director cannot serve a VIP."""
    if any(vip in vips_of(key) for key in _services(held)):
        return True
    return any(isinstance(one, AddLocalRoute) and one.vip == vip for one in held)
