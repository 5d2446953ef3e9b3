"""What the kinds ``udp``, ``dns`` and ``icmp`` share: send one packet, judge each one that comes back."""

from __future__ import annotations

import errno
import os
import socket
from abc import ABC, abstractmethod
from select import EPOLLIN

from clusterlb.checks.probe import Result, UnsentError, Wait
from clusterlb.checks.way import Socket, Way
from clusterlb.model.health import ProbeKey

IP_RECVERR = 11  # include/uapi/linux/in.h
IPV6_RECVERR = 25  # include/uapi/linux/in6.h
BURST = 16  # packets read in one go, so that a flood at one probe does not starve the others
LONGEST = 65535

VERDICTS = {
    errno.ECONNREFUSED: "port unreachable: nothing listens there",
    errno.EHOSTUNREACH: "no route to host",
    errno.EHOSTDOWN: "no route to host",
    errno.ENETUNREACH: "network unreachable, says a router on the way",
    errno.ENOPROTOOPT: "protocol unreachable",
    errno.EACCES: "prohibited, says a router on the way",
    errno.EMSGSIZE: "too big a packet for the way there",
}

VERDICTS_AT_ONCE = {
    errno.EHOSTUNREACH: "this director's routing table calls the member unreachable",
    errno.ENETUNREACH: "this director has no route to the member",
}


class DatagramProbe(ABC):
    """Send a packet on a connected socket and read until one of the packets that come back decides.

    The kernel gives a connected socket nothing from anywhere else. IP_RECVERR makes it report every ICMP
    error; without it only those count that icmp_err_convert (net/ipv4/icmp.c) calls fatal, and "host
    unreachable" is not one of them.
    """

    __slots__ = ("_key", "_socket")

    def __init__(self, key: ProbeKey) -> None:
        self._key = key
        self._socket: Socket | None = None

    @abstractmethod
    def _request(self) -> bytes:
        """Return what is sent."""

    @abstractmethod
    def _judge(self, answer: bytes, elapsed: float) -> Result | None:
        """Return what a packet says of the member, None when it is not meant for this run."""

    def _open(self) -> tuple[Socket, tuple[str, int]]:
        """Return a socket that does not block and the address to connect it to; may raise OSError."""
        way = Way(self._key, socket.SOCK_DGRAM)
        return way.open(), way.address

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
            if error.errno in VERDICTS_AT_ONCE:
                return Result(False, VERDICTS_AT_ONCE[error.errno])
            raise UnsentError(error.errno or 0) from error
        return Wait(self._socket.fileno(), EPOLLIN)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:  # noqa: ARG002 - reading says it all
        """Judge what came."""
        assert self._socket is not None  # noqa: S101 - for mypy: only a started probe has events
        try:
            for _ in range(BURST):
                result = self._judge(self._socket.recv(LONGEST), elapsed)
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
        """Fail: nothing came that decides."""
        return Result(False, f"timed out after {self._key.spec.timeout:g} s")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
