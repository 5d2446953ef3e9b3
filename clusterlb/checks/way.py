"""The socket of a probe, and the way its packets take: straight to the member, or to a VIP through IPVS."""

from __future__ import annotations

import socket

from clusterlb.checks.probe import UnsentError
from clusterlb.model.address import Endpoint, family_of
from clusterlb.model.health import ProbeKey

SO_MARK = 36  # include/uapi/asm-generic/socket.h; Python's socket module has it from 3.11 on where libc had
IP_BIND_ADDRESS_NO_PORT = 24  # include/uapi/linux/in.h

# What socket.socket is made of (socket.SocketType): without the file objects and enumerations that no probe
# needs, a third of the time that a probe spends outside the kernel.
Socket = socket.SocketType

# The kind of a socket that never blocks, as a plain number that all ways share.
KINDS = {
    kind: int(kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
}


class Way:
    """The way of one key's probes; what does not change from run to run is worked out once.

    Through a VIP the packets carry the mark of the member's private service. The VIP is an address of this
    very host, so the kernel would take it for the source too and the answer would never leave the real
    server: the source is the address that the way to the member has.
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
        """Return the address that packets to the member leave with; nothing is sent."""
        with socket.socket(self._family, socket.SOCK_DGRAM) as asking:
            asking.connect((str(endpoint.address), endpoint.port or 9))
            return str(asking.getsockname()[0])
