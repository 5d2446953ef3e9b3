"""Be told by the kernel that somebody deletes our table, or chains or rules of it.

While the table is away, replies of masqueraded members leave with the members' own addresses and end their
connections, so it is not waited for the next look. Messages: ``NFT_MSG_*`` in
include/uapi/linux/netfilter/nf_tables.h, whose events nf_tables_commit() sends (nf_tables_api.c).
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator

_NETLINK_NETFILTER = 12
_GROUP = 1 << (7 - 1)  # NFNLGRP_NFTABLES
_DELETED = frozenset(
    (10 << 8) | message for message in (2, 5, 8)
)  # of NFNL_SUBSYS_NFTABLES: table, chain, rule
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_MESSAGE = struct.Struct("=BBH")  # nfgenmsg
_ATTRIBUTE = struct.Struct("=HH")
_TABLE = 1  # NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE
_INET = 1  # NFPROTO_INET
NAME = b"clusterlb\0"
PACE = 1.0  # seconds: somebody who deletes it all the time is not followed faster
_AT_ONCE = 64  # messages that are read before the loop has its turn


class TableMonitor:
    """Calls ``deleted`` in the running loop, at once for the first and at most once every PACE seconds.

    Where the kernel does not tell (no nftables, no CAP_NET_ADMIN) it is silent.
    """

    def __init__(self, deleted: Callable[[], None]) -> None:
        self._deleted = deleted
        self._loop = asyncio.get_running_loop()
        self._pending: asyncio.TimerHandle | None = None
        self._not_before = float("-inf")
        self._socket: socket.socket | None = None
        opened = None
        try:
            opened = socket.socket(
                socket.AF_NETLINK,
                socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
                _NETLINK_NETFILTER,
            )
            opened.bind((0, _GROUP))
        except OSError:
            if opened is not None:
                opened.close()
            return
        self._socket = opened
        self._loop.add_reader(opened, self._drain, opened)

    def close(self) -> None:
        """Stop watching."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        if self._pending is not None:
            self._pending.cancel()

    def _drain(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                found = deletes(listening.recv(1 << 17))
            except BlockingIOError:
                return
            except OSError:
                found = True  # ENOBUFS: some were lost
            if found and self._pending is None:
                self._pending = self._loop.call_at(max(self._loop.time(), self._not_before), self._fire)

    def _fire(self) -> None:
        self._pending = None
        self._not_before = self._loop.time() + PACE
        self._deleted()


def deletes(data: bytes) -> bool:
    """Say whether netlink messages tell of something of our table that was deleted."""
    return any(kind in _DELETED and _is_ours(body) for kind, body in _messages(data))


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + _HEADER.size <= len(data):
        size, kind, *_ = _HEADER.unpack_from(data, place)
        if size < _HEADER.size:
            return
        yield kind, data[place + _HEADER.size : place + size]
        place += (size + 3) & ~3


def _is_ours(body: bytes) -> bool:
    if len(body) < _MESSAGE.size or body[0] != _INET:
        return False
    place = _MESSAGE.size
    while place + _ATTRIBUTE.size <= len(body):
        size, attribute = _ATTRIBUTE.unpack_from(body, place)
        if attribute == _TABLE:
            return body[place + _ATTRIBUTE.size : place + size] == NAME
        place += max(_ATTRIBUTE.size, (size + 3) & ~3)
    return False
