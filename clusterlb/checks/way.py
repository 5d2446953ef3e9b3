"""The socket of a probe, and the way its packets take: straight to the member, or to a VIP through IPVS."""

from __future__ import annotations

import socket

from clusterlb.checks.probe import UnsentError
from clusterlb.model.address import family_of
from clusterlb.model.health import ProbeKey

SO_MARK = 36  # include/uapi/asm-generic/socket.h; Python's socket module has it from 3.11 on where libc had
IP_BIND_ADDRESS_NO_PORT = 24  # include/uapi/linux/in.h


def open_socket(key: ProbeKey, kind: socket.SocketKind) -> tuple[socket.socket, tuple[str, int]]:
    """Return a socket that never blocks, and the address to connect it to; raise UnsentError.

    Through a VIP the packets carry the mark of the member's private service. The VIP is an address of this
    very host, so the kernel would take it for the source too and the answer would never leave the real
    server: the source is the address that the way to the member has.
    """
    sock: socket.socket | None = None
    try:
        sock = socket.socket(
            int(family_of(key.endpoint.address)), kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        if key.through is None:
            return sock, (str(key.endpoint.address), key.endpoint.port)
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, key.through.mark)
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((_source(key), 0))
    except OSError as error:
        if sock is not None:
            sock.close()
        raise UnsentError(error.errno or 0) from error
    return sock, (str(key.through.vip.address), key.through.vip.port)


def _source(key: ProbeKey) -> str:
    """Return the address that packets to the member leave with; nothing is sent."""
    with socket.socket(int(family_of(key.endpoint.address)), socket.SOCK_DGRAM) as asking:
        asking.connect((str(key.endpoint.address), key.endpoint.port or 9))
        return str(asking.getsockname()[0])
