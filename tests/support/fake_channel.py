"""A network for the peer channel in this process: the real ends, and a wire between them that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import WSMessage, WSMsgType

from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.peers.publisher import Publisher
from clusterlb.peers.subscriber import Subscriber

LATENCY = 0.001  # seconds


class Wire:
    """One end of a connection, as aiohttp's WebSockets are used."""

    def __init__(self) -> None:
        self.other: Wire = self
        self.close_code: int | None = None
        self._came: asyncio.Queue[WSMessage] = asyncio.Queue()

    async def send_bytes(self, data: bytes) -> None:
        if self.close_code is not None:
            raise ConnectionResetError
        await asyncio.sleep(LATENCY)
        self.other._came.put_nowait(WSMessage(WSMsgType.BINARY, data, None))

    async def receive(self) -> WSMessage:
        return await self._came.get()

    async def receive_bytes(self) -> bytes:
        message = await self.receive()
        if message.type is not WSMsgType.BINARY:
            raise TypeError
        return message.data

    async def close(self, message: bytes = b"") -> None:
        self.cut(message.decode())

    def cut(self, why: str = "") -> None:
        for end in (self, self.other):
            if end.close_code is None:
                end.close_code = 1000
                end._came.put_nowait(WSMessage(WSMsgType.CLOSE, 1000, why))

    def __aiter__(self) -> Wire:
        return self

    async def __anext__(self) -> WSMessage:
        message = await self.receive()
        if message.type is not WSMsgType.BINARY:
            raise StopAsyncIteration
        return message


class FakeNetwork:
    """Where publishers listen, by their endpoint.

    ``apart``: addresses that nobody reaches now; ``deaf``: those whose readers read no more.
    """

    def __init__(self) -> None:
        self.listening: dict[Endpoint, FakePublisher] = {}
        self.apart: set[IPAddress] = set()
        self.deaf: set[IPAddress] = set()
        self.wires: list[tuple[frozenset[IPAddress], Wire]] = []

    def part(self, *addresses: IPAddress) -> None:
        """Cut hosts off."""
        self.apart |= set(addresses)
        for ends, wire in self.wires:
            if ends & self.apart:
                wire.cut()

    def mend(self) -> None:
        self.apart.clear()

    def publisher(self) -> type[Publisher]:
        return type("_Publisher", (FakePublisher,), {"network": self})

    def subscriber(self) -> type[Subscriber]:
        return type("_Subscriber", (FakeSubscriber,), {"network": self})


class FakePublisher(Publisher):
    """Listens in a FakeNetwork."""

    network: FakeNetwork
    known: Mapping[IPAddress, str]
    _where: Endpoint
    _tasks: list[asyncio.Task[None]]

    async def start(self, address: IPAddress, port: int, peers: Mapping[IPAddress, str]) -> None:
        self._where, self.known, self._tasks = Endpoint(address, port), peers, []
        if self._where in self.network.listening:
            raise OSError(98, f"cannot listen on {self._where}: Address already in use")
        self.network.listening[self._where] = self

    async def close(self) -> None:
        del self.network.listening[self._where]
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def accept(self, wire: Wire, source: IPAddress) -> None:
        async def converse() -> None:
            try:
                await self.talk(wire, self.known[source])  # type: ignore[arg-type]
            finally:
                wire.cut()

        self._tasks.append(asyncio.create_task(converse()))

    def rows(self, service: str) -> tuple[str, ...]:
        return tuple(self._rows(service))


class FakeSubscriber(Subscriber):
    """Connects in a FakeNetwork."""

    network: FakeNetwork

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        there = self.network.listening.get(self.at)
        ends = frozenset({self.source, self.at.address})
        if there is None or self.source not in there.known or ends & self.network.apart:
            await asyncio.sleep(LATENCY)
            raise ConnectionRefusedError("connection refused")
        here, wire = Wire(), Wire()
        here.other, wire.other = wire, here
        self.network.wires.append((ends, here))
        there.accept(wire, self.source)
        try:
            yield here
        finally:
            here.cut()

    async def _take(self, talk: Any, data: bytes) -> None:
        while self.source in self.network.deaf:  # noqa: ASYNC110 - until a test has it hear again
            await asyncio.sleep(1.0)
        await super()._take(talk, data)

    async def table(self, service: str) -> tuple[str, ...]:
        there = self.network.listening.get(self.at)
        return there.rows(service) if there is not None else ()
