"""Kind ``tcp``: the member accepts a TCP connection."""

from __future__ import annotations

import errno
import os
import socket
import struct
from select import EPOLLERR, EPOLLHUP, EPOLLOUT

from clusterlb.checks.probe import Result, UnsentError, Wait
from clusterlb.model.address import family_of
from clusterlb.model.inventory import CheckSpec, Endpoint

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

OWN_TROUBLE = UnsentError.SCARCE | {errno.EADDRNOTAVAIL}


class TcpProbe:
    """Connect, and be gone with a reset before the server's program hears of it.

    The SYN-ACK is the answer: the kernel sends it only for a listening socket whose accept queue has room.
    TCP_QUICKACK 0 holds our ACK back (tcp_rcv_synsent_state_process() in net/ipv4/tcp_input.c), and closing
    with a linger time of 0 sends RST in its place. So no connection reaches the server's accept queue, its
    program and its log; no TIME_WAIT stays on either side (a FIN of ours would leave one here per probe
    for 60 s: 300,000 of them with 10,000 members every 2 s); and the director does half the work. HAProxy's
    plain checks do the same. What it costs: a server whose program hangs is found when its clients have
    filled the accept queue, not by our own connections filling it.
    """

    __slots__ = ("_address", "_family", "_socket", "_timeout")

    def __init__(self, endpoint: Endpoint, spec: CheckSpec) -> None:
        self._family = int(family_of(endpoint.address))
        self._address = (str(endpoint.address), endpoint.port)
        self._timeout = spec.timeout
        self._socket: socket.socket | None = None

    def start(self) -> Wait | Result:
        """Send the SYN."""
        try:
            self._socket = connection = socket.socket(
                self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            answer = connection.connect_ex(self._address)
        except OSError as error:
            raise UnsentError(error.errno or 0) from error
        if answer in (0, errno.EINPROGRESS):
            return Wait(connection.fileno(), EPOLLOUT)
        if answer in VERDICTS_AT_ONCE:
            return Result(False, VERDICTS_AT_ONCE[answer])
        raise UnsentError(answer)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        """Read the answer: connected unless the socket holds an error."""
        connection = self._socket
        if connection is not None and events & (EPOLLERR | EPOLLHUP):
            number = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number in OWN_TROUBLE:
                raise UnsentError(number)
            if number:
                return Result(False, VERDICTS.get(number) or os.strerror(number).lower())
        return Result(True, f"connected in {elapsed * 1000:.1f} ms")

    def on_deadline(self) -> Result:
        """Fail: neither SYN-ACK nor RST came."""
        return Result(False, f"timed out after {self._timeout:g} s")

    def close(self) -> None:
        """Reset the connection, or forget the SYN."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
