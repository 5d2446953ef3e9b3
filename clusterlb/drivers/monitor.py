"""Be told by the kernel that a link, address or route changed; what changed is then read by the driver."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

NETLINK_ROUTE = 0
# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE (include/uapi/linux/rtnetlink.h)
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
SETTLE = 0.1  # seconds; a burst of changes, such as FRR's after an SPF, is one call


class LinkMonitor:
    """Calls ``changed`` in the running loop, at most once every SETTLE seconds."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._pending: asyncio.TimerHandle | None = None
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)
        self._socket.setblocking(False)
        self._socket.bind((0, GROUPS))
        self._loop.add_reader(self._socket, self._drain)

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._pending is not None:
            self._pending.cancel()

    def _drain(self) -> None:
        for _ in range(64):
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                continue  # ENOBUFS: some were lost, and that is a change too
        if self._pending is None:
            self._pending = self._loop.call_later(SETTLE, self._fire)

    def _fire(self) -> None:
        self._pending = None
        self._changed()
