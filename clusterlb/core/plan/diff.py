"""The steps from one director state to another.

``diff(s, s)`` is empty. The steps come grouped by what they touch; ``core.plan.order`` has their order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from clusterlb.core.nft.guard import guarded
from clusterlb.core.plan.rules import rule_steps
from clusterlb.core.programme import HASHING, REMEMBERING
from clusterlb.core.snat.state import is_gateway
from clusterlb.core.vrrp import place_of, turns
from clusterlb.model.ipvs import Destination, DestinationKey, ProtocolTimeouts, ServiceKey, ServiceState
from clusterlb.model.plan import (
    AddDestination,
    AddDevice,
    AddLocalRoute,
    AddPeer,
    AddService,
    Announce,
    AwaitWithdrawn,
    ConfigureFrr,
    CreateLane,
    EditDestination,
    EditService,
    FrrPart,
    IpvsStep,
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
from clusterlb.model.snat import Peer
from clusterlb.model.state import DirectorState, FrrLine

T = TypeVar("T")
_by_name, _by_value = attrgetter("name"), attrgetter("value")


def diff(want: DirectorState, have: DirectorState) -> tuple[Step, ...]:
    """Return what has to be done so that ``have`` becomes ``want``."""
    return (
        *(SetSysctl(n, v) for n, v in want.sysctls.items() if have.sysctls.get(n) != v),
        *_timeouts(want.timeouts, have.timeouts),
        *(AddPeer(peer) for peer in sorted(want.peers - have.peers, key=_by_mark)),
        *rule_steps(want.rules, have.rules),
        *(CreateLane(lane) for lane in sorted(want.lanes - have.lanes, key=_by_value)),
        *(AddDevice(device) for device in sorted(want.devices - have.devices, key=_by_name)),
        *_services(want, have),
        *(AddLocalRoute(vip) for vip in sorted(want.local_routes - have.local_routes, key=_by_family)),
        *_frr(want, have),
        *_announcements(want, have),
        *(RemoveLocalRoute(vip) for vip in sorted(have.local_routes - want.local_routes, key=_by_family)),
        # a mark that leads elsewhere, and a device that is to be another, have been added so
        *_lost(RemovePeer, want.peers, have.peers, _by_mark),
        *(RemoveLane(lane) for lane in sorted(have.lanes - want.lanes, key=_by_value)),
        *_lost(RemoveDevice, want.devices, have.devices, _by_name),
    )


def service_steps(key: ServiceKey, want: ServiceState, have: ServiceState | None) -> list[IpvsStep]:
    """Return the steps that make a service as it should be; ``have`` is None where there is none yet."""
    if have is None:
        return [AddService(want.service), *(AddDestination(key, d) for d in want.destinations)]
    steps: list[IpvsStep] = []
    if want.service != have.service:
        steps.append(EditService(want.service))
    if want.destinations != have.destinations or _forgetful(want, have):
        steps += _destinations(key, want, have)
    return steps


def _destinations(key: ServiceKey, want: ServiceState, have: ServiceState) -> Iterator[IpvsStep]:
    """What gives clients more to go to comes first, what takes away last, so that there is no gap between."""
    wanted = {d.key: d for d in want.destinations}
    there = {d.key: d for d in have.destinations}
    kept = [d for d in have.destinations if d.key in wanted]
    stay = _in_place(want.destinations, kept) if want.service.scheduler in HASHING else {d.key for d in kept}
    hashes = want.service.scheduler in REMEMBERING
    edits = [
        d
        for d in want.destinations
        if d.key in stay and (d != there[d.key] or (hashes and _forgets(d, there[d.key])))
    ]
    yield from (EditDestination(key, d) for d in edits if d.weight >= there[d.key].weight)
    for destination in want.destinations:
        if destination.key not in stay:
            if destination.key in there:
                yield RemoveDestination(key, destination.key)
            yield AddDestination(key, destination)
    yield from (EditDestination(key, d) for d in edits if d.weight < there[d.key].weight)
    yield from (RemoveDestination(key, d.key) for d in have.destinations if d.key not in wanted)


def _forgetful(want: ServiceState, have: ServiceState) -> bool:
    """Say whether the kernel's table hangs on a last weight that is another than the nominal one."""
    return want.service.scheduler in REMEMBERING and any(
        _forgets(wanted, there) for wanted, there in zip(want.destinations, have.destinations, strict=True)
    )


def _forgets(wanted: Destination, there: Destination) -> bool:
    return wanted.weight == 0 == there.weight and wanted.nominal != there.nominal


def _in_place(want: Sequence[Destination], kept: Sequence[Destination]) -> set[DestinationKey]:
    """Return the destinations that can stay so that the others, added after them, complete the order.

    A destination added is the last of the insertion order, so only a common prefix can stay. What is
    removed and added again in one batch finds its connections in the kernel's trash list
    (ip_vs_ctl.c, ip_vs_trash_get_dest).
    """
    stay: set[DestinationKey] = set()
    for wanted, there in zip(want, kept, strict=False):
        if wanted.key != there.key:
            break
        stay.add(there.key)
    return stay


def _services(want: DirectorState, have: DirectorState) -> Iterator[Step]:
    changed: dict[ServiceKey, ServiceState] = {}
    for key, service in want.services.items():
        steps = service_steps(key, service, have.services.get(key))
        if steps:
            changed[key] = service
            yield from steps
    if changed:
        yield ReadBack(changed)
    for key in have.services:
        if key not in want.services:
            yield RemoveService(key)


def _timeouts(want: ProtocolTimeouts, have: ProtocolTimeouts) -> Iterator[Step]:
    """Yield a step for the timeouts that somebody asks for and that are not so."""
    values = {
        name: getattr(want, name)
        for name in ("tcp", "tcp_fin", "udp")
        if getattr(want, name) not in (0, getattr(have, name))
    }
    if values:
        yield SetTimeouts(ProtocolTimeouts(**values))


def _frr(want: DirectorState, have: DirectorState) -> Iterator[Step]:
    there, wanted = set(have.frr), set(want.frr)
    comes_along = _interfaces_of_routers(want.frr)
    add = [line for line in want.frr if line not in there and line not in comes_along]
    remove = [line for line in have.frr if line not in wanted]
    for part in (FrrPart.ROUTING, FrrPart.GATEWAY):
        more, less = (tuple(line for line in lines if _part(line) is part) for lines in (add, remove))
        if more or less:
            yield ConfigureFrr(more, less, part)
    for part, turn in zip((FrrPart.VRRP_YIELD, FrrPart.VRRP_STAND), turns(want.frr, have.frr), strict=True):
        if turn.add or turn.remove:
            yield ConfigureFrr(turn.add, turn.remove, part, turn.vips)


def _interfaces_of_routers(lines: Sequence[FrrLine]) -> set[FrrLine]:
    """Return the headers of interfaces that have lines of virtual routers alone.

    They come along with those. Alone they are nothing: FRR 10 shows no interface without lines.
    """
    of_routers = {line.context for line in lines if place_of(line) is not None}
    others = {line.context for line in lines if line.context and place_of(line) is None}
    return {FrrLine((), context[0]) for context in of_routers - others}


def _part(line: FrrLine) -> FrrPart | None:
    """Return the part of a line, None for a virtual router's: that hangs on the others of its group."""
    if place_of(line) is not None:
        return None
    return FrrPart.GATEWAY if is_gateway(line) else FrrPart.ROUTING


def _announcements(want: DirectorState, have: DirectorState) -> Iterator[Step]:
    gone = set()
    for vip in sorted({*want.announced, *have.announced}, key=_by_family):
        wanted, there = want.announced.get(vip, frozenset()), have.announced.get(vip, frozenset())
        yield from (Announce(vip, lane) for lane in sorted(wanted - there, key=_by_value))
        yield from (Withdraw(vip, lane) for lane in sorted(there - wanted, key=_by_value))
        if there and vip not in want.local_routes:
            gone.add(vip)
    # a VIP withdrawn by an earlier run that stopped half-way may still have packets under way to it
    gone |= {vip for vip in have.local_routes - want.local_routes if vip in _served(have)}
    if gone:
        yield AwaitWithdrawn(frozenset(gone))


def _served(state: DirectorState) -> set[object]:
    return {*(key.address for key in state.services), *guarded(state.rules)}


def _lost(
    remove: Callable[[T], Step], want: Collection[T], have: Collection[T], name: Callable[[T], Any]
) -> Iterator[Step]:
    """Yield a step for each that there is, and of whose name none is wanted."""
    stay = set(map(name, want))
    yield from (remove(each) for each in sorted(have, key=name) if name(each) not in stay)


def _by_mark(peer: Peer) -> tuple[int, int]:
    return peer.mark, peer.address.version


def _by_family(vip: object) -> tuple[int, int]:
    return getattr(vip, "version", 0), int(vip)  # type: ignore[call-overload]  # both address types are ints
