"""One connection that a client tries, and an upload or a download over the connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from clusterlb.lab.server import payload

CHUNK = 65536
# level, MTU_DISCOVER, MTU: include/uapi/linux/in.h and in6.h; Python has no names for these options
_PMTU = {socket.AF_INET: (socket.IPPROTO_IP, 10, 14), socket.AF_INET6: (socket.IPPROTO_IPV6, 23, 24)}
_PMTUDISC_DO = 2  # never fragment; follow ICMP's path MTU


@dataclass(slots=True)
class Attempt:
    """A connection to ``vip`` and ``port`` from a client's address; its packets must not be fragmented.

    ``source`` and ``source_port``: the client's; the port is 0 before ``open``. ``stage``: how far the
    connection got; ``tries``: datagrams sent.
    """

    vip: str
    port: int
    source: str
    source_port: int = 0
    stage: str = "not connected"
    tries: int = 1

    @property
    def client(self) -> str:
        """Return the client's address and port."""
        return endpoint(self.source, self.source_port)

    def open(self, kind: socket.SocketKind) -> socket.socket:
        """Return a socket that is not connected yet; raise OSError."""
        family = socket.AF_INET6 if ":" in self.vip else socket.AF_INET
        opened = socket.socket(family, kind)
        try:
            level, discover, _ = _PMTU[family]
            opened.setsockopt(level, discover, _PMTUDISC_DO)
            opened.setblocking(False)
            opened.bind((self.source, 0))
            self.source_port = opened.getsockname()[1]
        except OSError:
            opened.close()
            raise
        return opened

    @contextlib.asynccontextmanager
    async def connected(self, seconds: float) -> AsyncIterator[socket.socket]:
        """Connect over TCP; raise TimeoutError when connecting and the ``with`` block take longer."""
        async with asyncio.timeout(seconds):
            with self.open(socket.SOCK_STREAM) as connection:
                await asyncio.get_running_loop().sock_connect(connection, (self.vip, self.port))
                self.stage = "connected, not answered"
                yield connection


async def read_line(connection: socket.socket) -> bytes:
    """Return the line that a server sends; raise OSError."""
    received = b""
    while not received.endswith(b"\n"):
        received += await read_some(connection)
    return received


async def read_some(connection: socket.socket) -> bytes:
    """Return received bytes, at least one; raise OSError."""
    data = await asyncio.get_running_loop().sock_recv(connection, CHUNK)
    if not data:
        raise ConnectionResetError("the server closed the connection")
    return data


def path_mtu(connection: socket.socket) -> int:
    """Return the MTU of the path to a connection's other end, as the kernel knows it (ip(7), IP_MTU)."""
    level, _, option = _PMTU[connection.family]
    return connection.getsockopt(level, option)


def endpoint(address: str, port: int) -> str:
    """Write an address and a port, an IPv6 address in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Transfer:
    """The result of an upload or a download. ``error`` is empty when all bytes arrived unchanged.

    ``client``: address and port. ``bytes``: confirmed (upload) or received (download). ``mtu``: the path's,
    as the client's kernel knew it in the end; ``mss``: the segment size that the kernel then used.
    """

    client: str
    bytes: int = 0
    seconds: float = 0.0
    mtu: int = 0
    mss: int = 0
    error: str = ""


@dataclass(slots=True)
class Mover:
    """Performs one transfer: ``command`` is UPLOAD or DOWNLOAD, ``size`` in bytes."""

    command: str
    attempt: Attempt
    size: int
    moved: int = 0
    mtu: int = 0
    mss: int = 0

    async def run(self, seconds: float) -> Transfer:
        """Do the transfer within so many seconds; a failure is part of the result."""
        started = time.monotonic()
        error = ""
        try:
            async with self.attempt.connected(seconds) as connection:
                try:
                    line = f"{self.command} {self.size}\n".encode()
                    await asyncio.get_running_loop().sock_sendall(connection, line)
                    await (self._send(connection) if self.command == "UPLOAD" else self._receive(connection))
                finally:
                    self.mtu = path_mtu(connection)
                    self.mss = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        except TimeoutError:
            error = f"{self.attempt.stage} after {seconds:g} s"
        except (OSError, ValueError) as failure:
            error = f"{self.attempt.stage}: {failure}"
        taken = round(time.monotonic() - started, 3)
        return Transfer(self.attempt.client, self.moved, taken, self.mtu, self.mss, error)

    async def _send(self, connection: socket.socket) -> None:
        data = payload(self.size)
        for offset in range(0, self.size, CHUNK):
            self.attempt.stage = f"stuck with {offset} of {self.size} bytes sent"
            await asyncio.get_running_loop().sock_sendall(connection, data[offset : offset + CHUNK])
        self.attempt.stage = "sent and not confirmed"
        confirmed = json.loads(await read_line(connection))
        self.moved = confirmed["bytes"]
        if confirmed != {"bytes": self.size, "crc32": zlib.crc32(data)}:
            raise ValueError(f"the server got {self.moved} bytes, and not the ones that were sent")

    async def _receive(self, connection: socket.socket) -> None:
        received = bytearray()
        while len(received) < self.size:
            self.moved = len(received)
            self.attempt.stage = f"stuck with {self.moved} of {self.size} bytes received"
            received += await read_some(connection)
        self.moved = len(received)
        if received != payload(self.size):
            raise ValueError(f"{self.moved} bytes received, and not the ones that the server sends")
