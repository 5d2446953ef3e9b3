"""A client's test of a VIP: many short connections, an upload and a download.

``python -m clusterlb.lab.exchange`` reads a JSON list of cells and prints a line of JSON for each result; one
process performs all cells, because an emulated machine takes seconds to start one. ``ask`` runs the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from clusterlb.lab.attempt import CHUNK, Attempt, Mover, Transfer, endpoint, read_line
from clusterlb.lab.process import print_json

TRIES = 3  # datagrams that a client sends before it gives up
_ERRORS = 5  # most errors that an outcome lists
_KINDS = (
    (ConnectionRefusedError, "refused"),
    ((ConnectionResetError, BrokenPipeError), "reset"),
    (TimeoutError, "timed_out"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """The test of one service. ``protocol``: tcp or udp; ``sources``: the client's addresses, used in turn.

    ``width`` connections are open at a time, and each may take ``seconds``; ``upload`` and ``download`` are
    sizes in bytes, over TCP, 0: none, and each may take ``transfer_seconds``.
    """

    vip: str
    port: int
    sources: Sequence[str]
    protocol: str = "tcp"
    connections: int = 200
    width: int = 50
    seconds: float = 20.0
    upload: int = 0
    download: int = 0
    transfer_seconds: float = 60.0


@dataclass(slots=True)
class ExchangeOutcome:
    """The results of a cell's connections, as the client sees them.

    A TCP connection is answered when the server has sent its name and closed after the client closed.
    ``servers``, ``clients`` and ``asked``: connections by the real server that answered, by the client
    address that the server saw, and by the server's address and port. ``kept``: connections where the server
    saw the client's true address and port. ``repeated``: datagrams sent again. ``errors``: the first few,
    each with the client's address and port.
    """

    wanted: int = 0
    answered: int = 0
    refused: int = 0
    reset: int = 0
    timed_out: int = 0
    failed: int = 0
    repeated: int = 0
    kept: int = 0
    servers: dict[str, int] = field(default_factory=dict)
    clients: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Return how many were not answered."""
        return self.wanted - self.answered

    def count(self, attempt: Attempt, answer: bytes) -> None:
        """Count an answer; raise ValueError if it does not answer ``WHO``."""
        who = json.loads(answer)
        try:
            seen = who["client"], who["port"]
            told = who["server"], seen[0], endpoint(who["local"], who["local_port"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the server said {answer[:80]!r}") from error
        self.answered += 1
        self.kept += seen == (attempt.source, attempt.source_port)
        for counts, key in zip((self.servers, self.clients, self.asked), told, strict=True):
            counts[key] = counts.get(key, 0) + 1

    def fail(self, attempt: Attempt, error: OSError | ValueError) -> None:
        """Count a failure."""
        kind = next((name for types, name in _KINDS if isinstance(error, types)), "failed")
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.errors) < _ERRORS:
            text = f"failed: {error}" if kind == "failed" else kind.replace("_", " ")
            self.errors.append(f"{attempt.client} {attempt.stage}: {text}")


@dataclass(frozen=True, slots=True)
class CellResult:
    """The result of a cell; a transfer that the cell does not ask for is None."""

    outcome: ExchangeOutcome
    upload: Transfer | None = None
    download: Transfer | None = None

    @property
    def lost(self) -> int:
        """Return how many connections failed, transfers included."""
        return self.outcome.lost + sum(bool(done and done.error) for done in (self.upload, self.download))


async def perform(cell: Cell) -> CellResult:
    """Perform a cell; failures are part of the result and do not raise."""

    async def transfer(command: str, size: int) -> Transfer | None:
        mover = Mover(command, Attempt(cell.vip, cell.port, cell.sources[0]), size)
        return await mover.run(cell.transfer_seconds) if size else None

    outcome = await exchange(cell)
    return CellResult(
        outcome, await transfer("UPLOAD", cell.upload), await transfer("DOWNLOAD", cell.download)
    )


async def exchange(cell: Cell) -> ExchangeOutcome:
    """Make a cell's connections, ``width`` at a time."""
    outcome = ExchangeOutcome(wanted=cell.connections)
    talk = {"tcp": _tcp, "udp": _udp}[cell.protocol]
    room = asyncio.Semaphore(cell.width)

    async def one(source: str) -> None:
        attempt = Attempt(cell.vip, cell.port, source)
        async with room:
            try:
                outcome.count(attempt, await talk(cell, attempt))
            except (OSError, ValueError) as error:
                outcome.fail(attempt, error)
            outcome.repeated += attempt.tries - 1

    await asyncio.gather(*(one(cell.sources[n % len(cell.sources)]) for n in range(cell.connections)))
    return outcome


async def _tcp(cell: Cell, attempt: Attempt) -> bytes:
    loop = asyncio.get_running_loop()
    async with attempt.connected(cell.seconds) as connection:
        await loop.sock_sendall(connection, b"WHO\n")
        answer = await read_line(connection)
        attempt.stage = "not closed"
        connection.shutdown(socket.SHUT_WR)
        if more := await loop.sock_recv(connection, CHUNK):
            raise ValueError(f"the server said more: {more[:80]!r}")
        return answer


async def _udp(cell: Cell, attempt: Attempt) -> bytes:
    loop = asyncio.get_running_loop()
    with attempt.open(socket.SOCK_DGRAM) as connection:
        connection.connect((cell.vip, cell.port))
        attempt.stage = "not answered"
        for attempt.tries in range(1, TRIES + 1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(cell.seconds / TRIES):
                    await loop.sock_sendall(connection, b"WHO")
                    return await loop.sock_recv(connection, CHUNK)
    raise TimeoutError


def ask(namespace: str, cells: Iterable[Cell]) -> Iterator[CellResult]:
    """Have a process in a namespace perform cells one after the other; yield each result as it comes.

    Raises subprocess.CalledProcessError when the process fails.
    """
    argv = ["ip", "netns", "exec", namespace, sys.executable, "-m", "clusterlb.lab.exchange"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        json.dump([asdict(cell) for cell in cells], process.stdin)
        process.stdin.close()
        yield from map(read_result, process.stdout)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, argv)


def read_result(line: str) -> CellResult:
    """Return the result in a line of the process's output."""
    read: dict[str, Any] = json.loads(line)
    sent, received = (read[key] and Transfer(**read[key]) for key in ("upload", "download"))
    return CellResult(ExchangeOutcome(**read["outcome"]), sent, received)


async def _perform_all(cells: Iterable[Cell]) -> None:
    for cell in cells:
        print_json(asdict(await perform(cell)))


def main() -> None:
    """Perform the cells that standard input lists."""
    asyncio.run(_perform_all([Cell(**cell) for cell in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
