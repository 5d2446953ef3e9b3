"""The kernel's routes of a namespace, and when they change: rtnetlink by hand, in few microseconds.

Message and attribute layouts: rtnetlink(7), include/uapi/linux/rtnetlink.h.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from types import TracebackType

from clusterlb.lab.netns import inside
from clusterlb.model.address import IPAddress, IPNetwork

NextHops = tuple[IPAddress, ...]
Table = dict[IPNetwork, NextHops]

_NEWROUTE, _GETROUTE = 24, 26
_DONE, _ERROR = 3, 2
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_GROUPS = {socket.AF_INET: 0x40, socket.AF_INET6: 0x400}  # RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE
_MAIN = 254  # RT_TABLE_MAIN
_UNICAST = 1  # RTN_UNICAST
_RTA_DST, _RTA_GATEWAY, _RTA_MULTIPATH = 1, 5, 9
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg
_ATTRIBUTE = struct.Struct("=HH")  # rtattr
_NEXT_HOP = struct.Struct("=HBBi")  # rtnexthop
_BUFFER = 1 << 20
_ANY = {socket.AF_INET: bytes(4), socket.AF_INET6: bytes(16)}  # a default route names no destination


class RouteWatch:
    """Reads a namespace's main table, and wakes when one of its routes changes.

    IPv6 has to be asked for: every link has routes of that family, and to read them takes its time.
    """

    def __init__(self, namespace: str, *, ipv6: bool = False) -> None:
        self._families = (socket.AF_INET, socket.AF_INET6) if ipv6 else (socket.AF_INET,)
        with inside(namespace):
            self._events = _netlink(sum(_GROUPS[family] for family in self._families))
            self._queries = _netlink(0)

    def __enter__(self) -> RouteWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the sockets."""
        self._events.close()
        self._queries.close()

    def fileno(self) -> int:
        """Return the descriptor that is readable when routes have changed."""
        return self._events.fileno()

    def table(self) -> Table:
        """Return every unicast route that has next hops, in the kernel's order; raise OSError."""
        return {destination: hops for family in self._families for destination, hops in self._routes(family)}

    def _routes(self, family: int) -> Iterator[tuple[IPNetwork, NextHops]]:
        request = _HEADER.pack(_HEADER.size + _ROUTE.size, _GETROUTE, _REQUEST_DUMP, 1, 0)
        self._queries.send(request + _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))
        while True:
            for kind, body in _messages(self._queries.recv(_BUFFER)):
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    code = -int(struct.unpack_from("=i", body)[0])
                    raise OSError(code, "the kernel refused to list its routes")
                if (route := parse_route(body)) is not None:
                    yield route

    def wait(self, seconds: float) -> bool:
        """Wait for a change, and take in all that are there; say whether there was one."""
        poll = select.poll()
        poll.register(self._events, select.POLLIN)
        if not poll.poll(max(0.0, seconds) * 1000):
            return False
        self.drain()
        return True

    def drain(self) -> None:
        """Take in what has been told; an overrun of the buffer is a change like any other."""
        while True:
            try:
                self._events.recv(_BUFFER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: some were lost, and the table is read as a whole anyway

    def changes(self, until: float) -> Iterator[Table]:
        """Yield the table now and after each change, until ``until`` on the monotonic clock."""
        yield self.table()
        while (left := until - time.monotonic()) > 0:
            if self.wait(left):
                yield self.table()


def _netlink(groups: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    opened.bind((0, groups))
    return opened


def _messages(data: bytes) -> Iterator[tuple[int, memoryview]]:
    view = memoryview(data)
    while len(view) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(view)
        yield kind, view[_HEADER.size : length]
        view = view[(length + 3) & ~3 :]


def _attributes(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    while len(view) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(view)
        yield kind, view[_ATTRIBUTE.size : length]
        view = view[(length + 3) & ~3 :]


def parse_route(body: memoryview) -> tuple[IPNetwork, NextHops] | None:
    """Return the destination and next hops of an RTM_NEWROUTE of the main table; None for other routes."""
    family, prefix_length, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(body)
    if family not in _ANY or table != _MAIN or kind != _UNICAST:
        return None
    destination = _ANY[family]
    hops: list[IPAddress] = []
    for attribute, value in _attributes(body[_ROUTE.size :]):
        if attribute == _RTA_DST:
            destination = bytes(value)
        elif attribute == _RTA_GATEWAY:
            hops.append(ip_address(bytes(value)))
        elif attribute == _RTA_MULTIPATH:
            hops += _multipath(value)
    return (ip_network((destination, prefix_length)), tuple(hops)) if hops else None


def _multipath(view: memoryview) -> Iterator[IPAddress]:
    while len(view) >= _NEXT_HOP.size:
        length, *_ = _NEXT_HOP.unpack_from(view)
        for attribute, value in _attributes(view[_NEXT_HOP.size : length]):
            if attribute == _RTA_GATEWAY:
                yield ip_address(bytes(value))
        view = view[(length + 3) & ~3 :]
