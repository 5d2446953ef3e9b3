"""Be told by the kernel that something changed; what changed is then read by its driver.

Routing netlink tells of links, addresses, routes and policy rules, and of the few settings that have messages
of their own: forwarding and rp_filter (inet_netconf_notify_devconf(), net/ipv4/devinet.c; for IPv6
net/ipv6/addrconf.c). Of nftables ``nft.monitor`` is told. Nothing tells of IPVS, and of other settings.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from enum import Enum

SETTLE = 0.1  # seconds; a burst of changes, such as FRR's after an SPF, is one call


class Watched(Enum):
    """What can be watched: the multicast groups of NETLINK_ROUTE that tell of it, each a bit."""

    # RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, and RTNLGRP_IPV6_RULE, 19
    # (include/uapi/linux/rtnetlink.h)
    LINKS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 1 << 18
    # RTNLGRP_IPV4_NETCONF, 24, and RTNLGRP_IPV6_NETCONF, 25
    SETTINGS = 1 << 23 | 1 << 24


class Monitor:
    """Calls ``changed`` in the running loop, at most once every SETTLE seconds.

    A kernel or a caller without the right to be told is no error: whoever watches looks now and then, too.
    """

    def __init__(self, watched: Watched, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._pending: asyncio.TimerHandle | None = None
        self._socket = _listen(watched.value)
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._drain, self._socket)

    def close(self) -> None:
        """Stop watching."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        if self._pending is not None:
            self._pending.cancel()

    def _drain(self, told: socket.socket) -> None:
        for _ in range(64):
            try:
                told.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                continue  # ENOBUFS: some were lost, and that is a change too
        if self._pending is None:
            self._pending = self._loop.call_later(SETTLE, self._fire)

    def _fire(self) -> None:
        self._pending = None
        self._changed()


def _listen(groups: int) -> socket.socket | None:
    """Return a socket that hears these groups; None where the kernel has none, or gives none to this user."""
    try:
        told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    except OSError:
        return None
    try:
        told.bind((0, groups))
    except OSError:
        told.close()
        return None
    told.setblocking(False)
    return told
