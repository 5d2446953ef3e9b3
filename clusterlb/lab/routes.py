"""The kernel's routes of a namespace, and their changes, read within microseconds.

Message and attribute layouts: rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from struct import Struct
from types import TracebackType

from clusterlb.drivers.netlink.codec import Answer, address, attributes, parse
from clusterlb.drivers.netlink.socket import NETLINK_ROUTE, NetlinkSocket, heard, listen
from clusterlb.drivers.rtnetlink import RT_TABLE_MAIN, RTA_DST, RTA_GATEWAY, RTM_GETROUTE, RTMSG, RTN_UNICAST
from clusterlb.lab.netns import inside
from clusterlb.model.address import IPAddress, IPNetwork

NextHops = tuple[IPAddress, ...]
Table = dict[IPNetwork, NextHops]

_GROUPS = {socket.AF_INET: 0x40, socket.AF_INET6: 0x400}  # RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
_RTA_MULTIPATH = 9
_NEXT_HOP = Struct("=HBBi")  # rtnexthop
_ANY: dict[int, bytes] = {
    socket.AF_INET: bytes(4),
    socket.AF_INET6: bytes(16),
}  # a default route names no destination


class RouteWatch:
    """Reads a namespace's main table, and waits for changes of its routes.

    ``ipv6``: read IPv6 too, which is slower, because every link has routes of that family.
    """

    def __init__(self, namespace: str, *, ipv6: bool = False) -> None:
        self._families = (socket.AF_INET, socket.AF_INET6) if ipv6 else (socket.AF_INET,)
        with inside(namespace):
            self._events = listen(NETLINK_ROUTE, sum(_GROUPS[family] for family in self._families))
            self._queries = NetlinkSocket(NETLINK_ROUTE)

    def __enter__(self) -> RouteWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._events.close()
        self._queries.close()

    def table(self) -> Table:
        """Return every unicast route that has next hops, in the kernel's order; raise OSError."""
        return {destination: hops for family in self._families for destination, hops in self._routes(family)}

    def _routes(self, family: int) -> Iterator[tuple[IPNetwork, NextHops]]:
        for answer in self._queries.dump(RTM_GETROUTE, RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
            if (route := parse_route(answer)) is not None:
                yield route

    def wait(self, seconds: float) -> bool:
        """Wait for a change of routes, and read all changes that are queued; return whether any came.

        An overrun of the socket's buffer counts as a change.
        """
        poll = select.poll()
        poll.register(self._events, select.POLLIN)
        if not poll.poll(max(0.0, seconds) * 1000):
            return False
        while any(True for _ in heard(self._events)):
            pass
        return True


def parse_route(answer: Answer) -> tuple[IPNetwork, NextHops] | None:
    """Return the destination and next hops of an RTM_NEWROUTE of the main table; None for other routes."""
    (family, prefix_length, _, _, table, _, _, kind, _), found = parse(RTMSG, answer)
    if family not in _ANY or table != RT_TABLE_MAIN or kind != RTN_UNICAST:
        return None
    destination = found.get(RTA_DST, _ANY[family])
    hops = [address(found[RTA_GATEWAY])] if RTA_GATEWAY in found else []
    hops += _multipath(found.get(_RTA_MULTIPATH, b""))
    return (ip_network((destination, prefix_length)), tuple(hops)) if hops else None


def _multipath(payload: bytes) -> Iterator[IPAddress]:
    while len(payload) >= _NEXT_HOP.size:
        length, *_ = _NEXT_HOP.unpack_from(payload)
        gateway = attributes(payload, _NEXT_HOP.size, min(length, len(payload))).get(RTA_GATEWAY)
        if gateway is not None:
            yield address(gateway)
        payload = payload[max(length + 3 & ~3, _NEXT_HOP.size) :]
