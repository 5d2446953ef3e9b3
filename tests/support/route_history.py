"""What a namespace's kernel says of its IPv4 routes, kept with the times."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network

from clusterlb.drivers.netlink.codec import messages
from clusterlb.lab.netns import inside
from clusterlb.lab.routes import RouteWatch, Table, parse_route
from clusterlb.model.address import IPAddress

RTMGRP_IPV4_ROUTE, RTM_NEWROUTE, RTM_DELROUTE = 0x40, 24, 25  # linux/rtnetlink.h


class History(threading.Thread):
    """The switch's routes, by each message of its kernel: ``seen`` is [(monotonic seconds, table)]."""

    def __init__(self, namespace: str) -> None:
        super().__init__(daemon=True)
        with inside(namespace):
            self._events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._events.bind((0, RTMGRP_IPV4_ROUTE))
        self._events.settimeout(0.2)
        self._ended = threading.Event()
        with RouteWatch(namespace) as watch:
            self.seen: list[tuple[float, Table]] = [(time.monotonic(), watch.table())]
        self.start()

    def run(self) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                self._take(self._events.recv(1 << 16))

    def _take(self, data: bytes) -> None:
        now = time.monotonic()
        for start, end, kind, _, _ in messages(data):
            route = parse_route((data, start, end)) if kind in (RTM_NEWROUTE, RTM_DELROUTE) else None
            if route is not None:
                table = dict(self.seen[-1][1])
                table[route[0]] = route[1] if kind == RTM_NEWROUTE else ()
                self.seen.append((now, table))

    def hops(self, vip: IPv4Address) -> set[IPAddress]:
        """Return the next hops of a VIP as last seen."""
        return set(self.seen[-1][1].get(IPv4Network(vip), ()))

    def of(self, vip: IPv4Address, since: float = 0.0) -> list[tuple[float, frozenset[IPAddress]]]:
        """Return the next hops of a VIP at ``since`` and each change after it, with the times."""
        found: list[tuple[float, frozenset[IPAddress]]] = []
        for at, table in tuple(self.seen):
            hops = frozenset(table.get(IPv4Network(vip), ()))
            if at < since:
                found = [(since, hops)]
            elif not found or found[-1][1] != hops:
                found.append((at, hops))
        return found

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self.join()
        self._events.close()
