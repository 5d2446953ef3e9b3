"""Connecting a TCP socket: what the kernel's answers mean, and for whom they are trouble."""

from __future__ import annotations

import errno
import os
import socket
import struct

from clusterlb.checks.probe import Result, UnsentError
from clusterlb.checks.way import Socket

# l_onoff 1, l_linger 0: close() sends RST and returns at once (tcp_close() in net/ipv4/tcp.c disconnects
# when the linger time is 0). Only a linger time above 0 can make close() wait.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

VERDICTS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable, says a router on the way",
    errno.ETIMEDOUT: "timed out in the kernel: no answer to any SYN",
}

# What connect() may answer at once and yet be about the member: IPVS forwards by the same routing table, so
# a member that this director has no route to is of no use to it.
VERDICTS_AT_ONCE = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "this director's routing table calls the member unreachable",
    errno.ENETUNREACH: "this director has no route to the member",
}

UNDER_WAY = (errno.EINPROGRESS, 0)

OWN_TROUBLE = UnsentError.SCARCE | {errno.EADDRNOTAVAIL}


def begin_connect(connection: Socket, address: tuple[str, int]) -> Result | None:
    """Send the SYN, from a socket that resets when it is closed; return a Result where the answer is known.

    ``TCP_NODELAY`` or the like is the caller's to set before. Raises UnsentError.
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
    """Return what a connect that epoll calls failed came to, None if it did not fail; raise UnsentError."""
    number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number in OWN_TROUBLE:
        raise UnsentError(number)
    return Result(False, VERDICTS.get(number) or os.strerror(number).lower()) if number else None
