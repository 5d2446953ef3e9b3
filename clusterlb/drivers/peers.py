"""The routes to other directors: a policy rule for each mark, and a table with a default route.

While an interface is down, its tables are empty. A packet that is marked for a director without a route must
not take another route: a policy rule after all the others drops it. Layouts: fib_rules.h and rtnetlink.h of
include/uapi/linux.
"""

from __future__ import annotations

from collections.abc import Iterator
from errno import EEXIST, ENOENT, ESRCH
from ipaddress import ip_address
from typing import NamedTuple

from clusterlb.drivers.conntrack import forget_marked
from clusterlb.drivers.netlink.codec import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    U32,
    address,
    attribute,
    number,
    parse,
)
from clusterlb.drivers.netlink.socket import Request
from clusterlb.drivers.rtnetlink import (
    NEW,
    RTA_GATEWAY,
    RTM_DELROUTE,
    RTM_GETROUTE,
    RTM_NEWROUTE,
    RTMSG,
    RTN_UNICAST,
    RouteSocket,
)
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.marks import (
    ANNOUNCE_PROTO,
    DIRECTOR_MARKS,
    DROP_PREFERENCE,
    KIND_MASK,
    PEER_PREFERENCE,
)
from clusterlb.model.snat import Peer

_RTM_NEWRULE, _RTM_DELRULE, _RTM_GETRULE = 32, 33, 34
_FRA_PRIORITY, _FRA_FWMARK, _FRA_TABLE, _FRA_FWMASK, _FRA_PROTOCOL = 6, 10, 15, 16, 21
_TO_TABLE, _BLACKHOLE = 1, 6
_RTA_TABLE = 15
_ALL_BITS = 0xFFFFFFFF
_NOWHERE: dict[AddressFamily, IPAddress] = {
    AddressFamily.IPV4: ip_address("0.0.0.0"),  # noqa: S104 - no address to listen on
    AddressFamily.IPV6: ip_address("::"),
}


class _Rule(NamedTuple):
    """A policy rule of ours: its mark, the mask of the comparison, and its table; 0: the rule drops."""

    mark: int
    mask: int
    table: int


_DROP_RULE = _Rule(DIRECTOR_MARKS.start, KIND_MASK, 0)


def read_peers(routes: RouteSocket) -> Iterator[Peer]:
    """Yield the peers with a policy rule; one without a route has the address ``::`` or ``0.0.0.0``."""
    for family in AddressFamily:
        rules = set(_rules(routes, family))
        for rule in sorted(rules - {_DROP_RULE}):
            gateway = _gateway(routes, family, rule.table) if _DROP_RULE in rules else None
            yield Peer(rule.mark, gateway or _NOWHERE[family])


def add_peer(routes: RouteSocket, peer: Peer) -> int:
    """Add a peer's rule and route, or replace the route; return the kernel's errno, 0 for success."""
    family = family_of(peer.address)
    errnos = routes.request(
        [
            _rule_request(_RTM_NEWRULE, family, _DROP_RULE, NEW),
            _route_request(RTM_NEWROUTE, peer, NLM_F_CREATE | NLM_F_REPLACE),
            _rule_request(_RTM_NEWRULE, family, _Rule(peer.mark, _ALL_BITS, peer.mark), NEW),
        ]
    )
    return next((errno for errno in errnos if errno not in (0, EEXIST)), 0)


def remove_peer(routes: RouteSocket, peer: Peer) -> int:
    """Remove the rule and the route of a mark, and delete the connections with that mark."""
    family = family_of(peer.address)
    # packets of a connection that kept its mark would have no route
    forget_marked(peer.mark, family)
    rule = _Rule(peer.mark, _ALL_BITS, peer.mark)
    steps = [_rule_request(_RTM_DELRULE, family, rule), _route_request(RTM_DELROUTE, peer)]
    if set(_rules(routes, family)) <= {_DROP_RULE, rule}:
        steps.append(_rule_request(_RTM_DELRULE, family, _DROP_RULE))
    return next((errno for errno in routes.request(steps) if errno not in (0, ENOENT, ESRCH)), 0)


def _rules(routes: RouteSocket, family: AddressFamily) -> Iterator[_Rule]:
    for answer in routes.dump(_RTM_GETRULE, RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
        header, found = parse(RTMSG, answer)
        numbers = {kind: number(value) for kind, value in found.items()}
        if header[0] != family or found.get(_FRA_PROTOCOL) != bytes([ANNOUNCE_PROTO]):
            continue
        if header[7] == _TO_TABLE and numbers.get(_FRA_PRIORITY) == PEER_PREFERENCE:
            mark, table = numbers.get(_FRA_FWMARK, 0), numbers.get(_FRA_TABLE, 0)
            yield _Rule(mark, numbers.get(_FRA_FWMASK, _ALL_BITS), table)
        elif header[7] == _BLACKHOLE and numbers.get(_FRA_PRIORITY) == DROP_PREFERENCE:
            yield _DROP_RULE


def _gateway(routes: RouteSocket, family: AddressFamily, table: int) -> IPAddress | None:
    request = RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) + attribute(_RTA_TABLE, U32.pack(table))
    try:
        for answer in routes.dump(RTM_GETROUTE, request):
            header, found = parse(RTMSG, answer)
            is_in_table = header[0] == family and number(found.get(_RTA_TABLE, b"")) == table
            if is_in_table and header[1] == 0 and header[5] == ANNOUNCE_PROTO and RTA_GATEWAY in found:
                return address(found[RTA_GATEWAY])
    except OSError as error:
        if error.errno != ENOENT:  # there is no such table
            raise
    return None


def _rule_request(kind: int, family: AddressFamily, rule: _Rule, flags: int = 0) -> Request:
    action = _TO_TABLE if rule.table else _BLACKHOLE
    body = RTMSG.pack(family, 0, 0, 0, 0, 0, 0, action, 0)
    body += attribute(_FRA_PRIORITY, U32.pack(PEER_PREFERENCE if rule.table else DROP_PREFERENCE))
    body += attribute(_FRA_FWMARK, U32.pack(rule.mark)) + attribute(_FRA_FWMASK, U32.pack(rule.mask))
    body += attribute(_FRA_PROTOCOL, bytes([ANNOUNCE_PROTO]))
    if rule.table:
        body += attribute(_FRA_TABLE, U32.pack(rule.table))
    return kind, flags, body


def _route_request(kind: int, peer: Peer, flags: int = 0) -> Request:
    body = RTMSG.pack(family_of(peer.address), 0, 0, 0, 0, ANNOUNCE_PROTO, 0, RTN_UNICAST, 0)
    body += attribute(_RTA_TABLE, U32.pack(peer.mark))
    if kind == RTM_NEWROUTE:
        body += attribute(RTA_GATEWAY, peer.address.packed)
    return kind, flags, body
