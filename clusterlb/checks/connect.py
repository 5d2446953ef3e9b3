"""The socket of a probe: the path of its packets, and what the kernel's answers to connect(2) mean.

The packets go straight to the member, or to a VIP and through IPVS.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from clusterlb.checks.probe import Result, UnsentError
from clusterlb.model.address import Endpoint, family_of
from clusterlb.model.health import ProbeKey

SO_MARK = 36  # include/uapi/asm-generic/socket.h; Python's socket module has it from 3.11 on where libc had
IP_BIND_ADDRESS_NO_PORT = 24  # include/uapi/linux/in.h

# The C base class of socket.socket: without the file objects and enumerations that no probe needs, a third of
# the time that a probe spends outside the kernel.
Socket = socket.SocketType

# The kinds of sockets that never block, as plain numbers.
KINDS = {
    kind: int(kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
}

# l_onoff 1, l_linger 0: close() sends RST and returns at once (tcp_close() in net/ipv4/tcp.c disconnects
# when the linger time is 0). Only a linger time above 0 can make close() wait.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

VERDICTS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable, says a router on the path",
    errno.ETIMEDOUT: "timed out in the kernel: no answer to any SYN",
}

# Errors that a socket call returns at once and that still count against the member: IPVS forwards by the same
# routing table, so this director has no use for a member that it has no route to.
NO_ROUTE = {
    errno.EHOSTUNREACH: "this director's routing table calls the member unreachable",
    errno.ENETUNREACH: "this director has no route to the member",
}
VERDICTS_AT_ONCE = NO_ROUTE | {errno.ECONNREFUSED: "connection refused"}

UNDER_WAY = (errno.EINPROGRESS, 0)

OWN_TROUBLE = UnsentError.SCARCE | {errno.EADDRNOTAVAIL}


class ProbePath:
    """The path of one key's probes; what is the same in every run is worked out once.

    Packets to a VIP carry the mark of the member's private service. The VIP is an address of this host, so
    the kernel would take the VIP as source address too, and the real server's answer would never come back:
    the source is bound to the address that the route to the member has.
    """

    __slots__ = ("_family", "_kind", "_through", "address")

    def __init__(self, key: ProbeKey, kind: socket.SocketKind) -> None:
        self._through = None if key.through is None else (key.endpoint, key.through.mark)
        self._family = int(family_of(key.endpoint.address))
        self._kind = KINDS[kind]
        target = key.endpoint if key.through is None else key.through.vip
        self.address = (str(target.address), target.port)

    def open(self) -> Socket:
        """Return a socket that never blocks, to be connected to ``address``; raise UnsentError."""
        try:
            opened = Socket(self._family, self._kind)
        except OSError as error:
            raise UnsentError(error.errno or 0) from error
        if self._through is not None:
            self._mark(opened, *self._through)
        return opened

    def _mark(self, opened: Socket, endpoint: Endpoint, mark: int) -> None:
        try:
            opened.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
            opened.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            opened.bind((self._source(endpoint), 0))
        except OSError as error:
            opened.close()
            raise UnsentError(error.errno or 0) from error

    def _source(self, endpoint: Endpoint) -> str:
        """Return the source address of packets to the member; connecting a UDP socket sends nothing."""
        with socket.socket(self._family, socket.SOCK_DGRAM) as unsent:
            unsent.connect((str(endpoint.address), endpoint.port or 9))
            return str(unsent.getsockname()[0])


def begin_connect(connection: Socket, address: tuple[str, int]) -> Result | None:
    """Send the SYN from a socket that sends RST when it is closed; return a Result if the answer is known.

    The caller sets ``TCP_NODELAY`` or the like before. Raises UnsentError.
    """
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        answer = connection.connect_ex(address)
    except OSError as error:
        raise UnsentError(error.errno or 0) from error
    if answer in UNDER_WAY:
        return None
    if answer in VERDICTS_AT_ONCE:
        return Result(False, VERDICTS_AT_ONCE[answer])
    raise UnsentError(answer)


def connect_failure(connection: Socket) -> Result | None:
    """Return why a connect that epoll reports as failed did fail, None if it did not; raise UnsentError."""
    number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number in OWN_TROUBLE:
        raise UnsentError(number)
    return Result(False, VERDICTS.get(number) or os.strerror(number).lower()) if number else None
