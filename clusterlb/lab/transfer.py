"""An upload to a real server or a download from it, in packets that must not be fragmented."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import zlib
from dataclasses import dataclass

from clusterlb.lab.attempt import CHUNK, Attempt, path_mtu, read_line, read_some
from clusterlb.lab.server import payload


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
