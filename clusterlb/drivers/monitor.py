"""Wait for the kernel's messages about changes; a driver then reads the new state.

Routing netlink reports links, addresses, routes, policy rules, and two settings: forwarding and rp_filter
(inet_netconf_notify_devconf(), net/ipv4/devinet.c; for IPv6 net/ipv6/addrconf.c). For nftables see
``nft.monitor``. The kernel sends no messages about IPVS and about other settings.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

from clusterlb.drivers.netlink.socket import NETLINK_ROUTE, heard, listen


class Watched(NamedTuple):
    """A netlink protocol's multicast groups, each a bit, and ``counts``, which selects messages.

    ``settle``: seconds from the first message to the call, so that a burst of changes makes one call.
    ``pace``: least seconds between two calls.
    """

    protocol: int
    groups: int
    counts: Callable[[bytes], bool] = lambda _: True
    settle: float = 0.0
    pace: float = 0.0


_BURST = 0.1  # seconds: FRR changes many routes after an SPF
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, and RTNLGRP_IPV6_RULE, 19
# (include/uapi/linux/rtnetlink.h)
LINKS = Watched(NETLINK_ROUTE, 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18, settle=_BURST)
# RTNLGRP_IPV4_NETCONF, 24, and RTNLGRP_IPV6_NETCONF, 25
SETTINGS = Watched(NETLINK_ROUTE, 1 << 23 | 1 << 24, settle=_BURST)


class Monitor:
    """Calls ``changed`` in the running loop after a message.

    Where the kernel has no such messages, or this user may not receive them, nothing happens: callers also
    read at intervals.
    """

    def __init__(self, watched: Watched, changed: Callable[[], object]) -> None:
        self._watched = watched
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._pending: asyncio.TimerHandle | None = None
        self._not_before = float("-inf")
        self._socket: socket.socket | None = None
        try:
            self._socket = listen(watched.protocol, watched.groups)
        except OSError:
            return
        self._loop.add_reader(self._socket, self._drain, self._socket)

    def close(self) -> None:
        """Stop watching."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._pending is not None:
            self._pending.cancel()

    def _drain(self, listening: socket.socket) -> None:
        told = [not data or self._watched.counts(data) for data in heard(listening)]
        if any(told) and self._pending is None:
            due = max(self._loop.time() + self._watched.settle, self._not_before)
            self._pending = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._pending = None
        self._not_before = self._loop.time() + self._watched.pace
        self._changed()
