"""Lanes in the kernel: VIPs onto lanes and off them, many in one message.

A change of lanes is two operations. In one message, FRR sees both at once and sends one LSA. A few
milliseconds apart, FRR sends two LSAs, and the second waits at the switch for the SPF's hold time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from errno import EADDRNOTAVAIL, EEXIST, ESRCH

from clusterlb.drivers.netlink.socket import Request
from clusterlb.drivers.rtnetlink import (
    RTM_DELADDR,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    LinkAddress,
    LinkRoute,
    RouteSocket,
    address_request,
    route_request,
)
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.marks import ANNOUNCE_PROTO, LANE_METRICS
from clusterlb.model.ospf import Lane

# Each lane has its own metric: a VIP can be on two lanes, and the kernel and zebra prefer the lower metric.
_METRICS = dict(zip((Lane.ACTIVE, Lane.STANDBY, Lane.DRAINED), LANE_METRICS, strict=True))


def lane_peer(lane: Lane) -> str:
    """Return the name of the far end of a lane that is a veth pair."""
    return f"{lane.interface}-x"


def is_in_force(vip: IPAddress, route: bool, external: Set[AddressFamily] | None) -> bool:
    """Say whether the inventory announces a VIP's family in this form: a route, or an address; None: both."""
    return external is None or (family_of(vip) in external) is route


@dataclass(frozen=True, slots=True)
class Move:
    """A VIP put ``on`` a lane or removed, as a ``route`` or an address. ``index``: the lane's interface."""

    vip: IPAddress
    lane: Lane
    index: int
    route: bool
    on: bool


def carry_out(routes: RouteSocket, moves: Sequence[Move]) -> list[int]:
    """Make the moves in order and return an errno for each; 0 also where the result was there already.

    Raises OSError when the kernel does not answer.
    """
    errnos = routes.request([_request(move) for move in moves])
    return [errno and _settle(routes, move, errno) for move, errno in zip(moves, errnos, strict=True)]


def on_lane(routes: RouteSocket, index: int) -> Iterator[tuple[IPAddress, bool]]:
    """Yield the addresses on a lane without link-local ones, each with whether it is there as a route."""
    for address, _ in routes.addresses(index):
        if not address.is_link_local:
            yield address, False
    for family in AddressFamily:
        for route in routes.host_routes(family, index):
            yield route.address, True


def _request(move: Move) -> Request:
    if move.route:
        route = LinkRoute(move.vip, ANNOUNCE_PROTO, _METRICS[move.lane])
        return route_request(RTM_NEWROUTE if move.on else RTM_DELROUTE, route, move.index)
    address = LinkAddress(move.vip, move.vip.max_prefixlen)
    return address_request(RTM_NEWADDR if move.on else RTM_DELADDR, address, move.index)


def _settle(routes: RouteSocket, move: Move, errno: int) -> int:
    """Return 0 if the result is there; for a removal, first remove the VIP with foreign attributes."""
    if move.on:
        if errno == EEXIST and _is_there(routes, move):
            return 0
        return errno
    if errno not in (EADDRNOTAVAIL, ESRCH):
        return errno
    left: list[Request]
    if move.route:
        found = routes.host_routes(family_of(move.vip), move.index)
        left = [route_request(RTM_DELROUTE, each, move.index) for each in found if each.address == move.vip]
    else:
        present = routes.addresses(move.index)
        left = [
            address_request(RTM_DELADDR, each, move.index) for each in present if each.address == move.vip
        ]
    return next(filter(None, routes.request(left)), 0)


def _is_there(routes: RouteSocket, move: Move) -> bool:
    if move.route:
        wanted = LinkRoute(move.vip, ANNOUNCE_PROTO, _METRICS[move.lane])
        return wanted in routes.host_routes(family_of(move.vip), move.index)
    return LinkAddress(move.vip, move.vip.max_prefixlen) in routes.addresses(move.index)
