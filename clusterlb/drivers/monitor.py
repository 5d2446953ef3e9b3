"""Hear from the kernel that something changed; a driver then reads what changed.

Routing netlink reports links, addresses, routes and policy rules, and the few settings that have messages of
their own: forwarding and rp_filter (inet_netconf_notify_devconf(), net/ipv4/devinet.c; for IPv6
net/ipv6/addrconf.c). Of nftables ``nft.monitor`` is told. Nothing tells of IPVS, and of other settings.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

from clusterlb.drivers.netlink.socket import NETLINK_ROUTE, heard, listen


class Watched(NamedTuple):
    """What can be watched: a netlink protocol's multicast groups, each a bit, and which messages count.

    ``settle``: seconds from the first message to the call, so that a burst of changes is one call. ``pace``:
    seconds between two calls at least.
    """

    protocol: int
    groups: int
    counts: Callable[[bytes], bool] = lambda _: True
    settle: float = 0.0
    pace: float = 0.0


SETTLE = 0.1  # seconds; a burst of changes is FRR's after an SPF
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, and RTNLGRP_IPV6_RULE, 19
# (include/uapi/linux/rtnetlink.h)
LINKS = Watched(NETLINK_ROUTE, 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18, settle=SETTLE)
# RTNLGRP_IPV4_NETCONF, 24, and RTNLGRP_IPV6_NETCONF, 25
SETTINGS = Watched(NETLINK_ROUTE, 1 << 23 | 1 << 24, settle=SETTLE)


class Monitor:
    """Calls ``changed`` in the running loop, as often as ``watched`` says.

    It is no error that the kernel has no such messages, or that this user may not hear them: callers also
    read at intervals.
    """

    def __init__(self, watched: Watched, changed: Callable[[], None]) -> None:
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
