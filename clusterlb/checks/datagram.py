"""What the kinds ``udp``, ``dns`` and ``icmp`` share: send one packet, judge each packet that comes back."""

from __future__ import annotations

import errno
import os
import socket
from abc import ABC, abstractmethod
from select import EPOLLIN

from clusterlb.checks.connect import NO_ROUTE, ProbePath, Socket
from clusterlb.checks.probe import Result, UnsentError, Wait
from clusterlb.model.health import ProbeKey

IP_RECVERR = 11  # include/uapi/linux/in.h
IPV6_RECVERR = 25  # include/uapi/linux/in6.h
PACKETS_AT_ONCE = 16  # most packets read per event, so that a flood at one probe does not starve the others
PACKET_LIMIT = 65535  # bytes

VERDICTS = {
    errno.ECONNREFUSED: "port unreachable: nothing listens there",
    errno.EHOSTUNREACH: "no route to host",
    errno.EHOSTDOWN: "no route to host",
    errno.ENETUNREACH: "network unreachable, says a router on the path",
    errno.ENOPROTOOPT: "protocol unreachable",
    errno.EACCES: "prohibited, says a router on the path",
    errno.EMSGSIZE: "the packet is larger than the path's MTU",
}


class DatagramProbe(ABC):
    """Send a packet on a connected socket and read until one of the packets that come back decides.

    The kernel drops what other addresses send to a connected socket. With IP_RECVERR it reports every ICMP
    error; without, only those that icmp_err_convert (net/ipv4/icmp.c) calls fatal, and "host unreachable" is
    not one of them.
    """

    __slots__ = ("_key", "_socket")

    def __init__(self, key: ProbeKey) -> None:
        self._key = key
        self._socket: Socket | None = None

    @abstractmethod
    def _request(self) -> bytes:
        """Return the payload to send."""

    @abstractmethod
    def _judge(self, answer: bytes, elapsed: float) -> Result | None:
        """Return the verdict that follows from a packet, None for a packet that does not answer this run."""

    def _open(self) -> tuple[Socket, tuple[str, int]]:
        """Return a socket that does not block and the address to connect it to; may raise OSError."""
        path = ProbePath(self._key, socket.SOCK_DGRAM)
        return path.open(), path.address

    def start(self) -> Wait | Result:
        """Send the packet."""
        try:
            self._socket, address = self._open()
            if self._socket.family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            else:
                self._socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            self._socket.connect(address)
            self._socket.send(self._request())
        except OSError as error:
            if error.errno in NO_ROUTE:
                return Result(False, NO_ROUTE[error.errno])
            raise UnsentError(error.errno or 0) from error
        return Wait(self._socket.fileno(), EPOLLIN)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:  # noqa: ARG002 - recv() tells
        """Read and judge the packets that came."""
        assert self._socket is not None  # noqa: S101 - for mypy: only a started probe has events
        try:
            for _ in range(PACKETS_AT_ONCE):
                result = self._judge(self._socket.recv(PACKET_LIMIT), elapsed)
                if result is not None:
                    return result
        except BlockingIOError:
            pass
        except OSError as error:
            number = error.errno or 0
            if number in UnsentError.SCARCE:
                raise UnsentError(number) from error
            return Result(False, VERDICTS.get(number) or os.strerror(number).lower())
        return Wait(self._socket.fileno(), EPOLLIN)

    def on_deadline(self) -> Result:
        """Fail: no packet came that decides."""
        return Result(False, f"timed out after {self._key.spec.timeout:g} s")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
