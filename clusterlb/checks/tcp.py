"""Kind ``tcp``: the member accepts a TCP connection."""

from __future__ import annotations

import socket
from functools import lru_cache
from select import EPOLLERR, EPOLLHUP, EPOLLOUT

from clusterlb.checks.connect import ProbePath, Socket, begin_connect, connect_failure
from clusterlb.checks.probe import Probe, Result, UnsentError, Wait
from clusterlb.model.check import TcpOptions
from clusterlb.model.health import ProbeKey

BROKEN = EPOLLERR | EPOLLHUP


@lru_cache(maxsize=4096)
def connected(fd: int) -> Wait:
    """Return the wait for a connection; cached, because the kernel reuses the same few descriptors."""
    return Wait(fd, EPOLLOUT)


def tcp_probe(key: ProbeKey) -> Probe:
    """Return the probe of a ``tcp`` check, with a dialogue if the options ask for one."""
    if key.spec.options == TcpOptions():
        return TcpProbe(key)
    from clusterlb.checks.exchange import exchange_probe  # noqa: PLC0415 - most members need none of it

    return exchange_probe(key)


class TcpProbe:
    """Half-open probe: send SYN, receive SYN-ACK, and send RST before the server's program sees a connection.

    A SYN-ACK passes: the kernel sends one only for a listening socket whose accept queue has room.
    TCP_QUICKACK 0 holds this side's ACK back (tcp_rcv_synsent_state_process() in net/ipv4/tcp_input.c), and
    closing with a linger time of 0 sends RST instead. So no connection reaches the server's accept queue,
    program or log; no TIME_WAIT stays on either side (a FIN would leave one on the director per probe for 60
    s: 300,000 with 10,000 members every 2 s); and the director does half the work. HAProxy's plain checks do
    the same. The cost: a server whose program hangs is detected only when its clients have filled the accept
    queue, since probes do not fill the queue.
    """

    __slots__ = ("_path", "_socket", "_timeout")

    def __init__(self, key: ProbeKey) -> None:
        self._path = ProbePath(key, socket.SOCK_STREAM)
        self._timeout = key.spec.timeout
        self._socket: Socket | None = None

    def start(self) -> Wait | Result:
        """Send the SYN."""
        self._socket = opened = self._path.open()
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        except OSError as error:
            raise UnsentError(error.errno or 0) from error
        return begin_connect(opened, self._path.address) or connected(opened.fileno())

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        """Read the answer: connected unless the socket holds an error."""
        if self._socket is not None and events & BROKEN:
            failure = connect_failure(self._socket)
            if failure is not None:
                return failure
        return Result(True, f"connected in {elapsed * 1000:.1f} ms")

    def on_deadline(self) -> Result:
        """Fail: neither SYN-ACK nor RST came."""
        return Result(False, f"timed out after {self._timeout:g} s")

    def close(self) -> None:
        """Reset the connection, or forget the SYN."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
