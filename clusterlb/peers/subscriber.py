"""Hear what one peer has to tell; connect anew for as long as it takes."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp

from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.peer import PeerState
from clusterlb.model.readable import printable
from clusterlb.peers.credentials import Credentials, CredentialsError
from clusterlb.peers.publisher import HEARTBEAT, PATH, PATIENCE, TABLE, unlike
from clusterlb.peers.wire import (
    LARGEST,
    Complete,
    Hello,
    Message,
    PeerTables,
    Sightings,
    Taken,
    WireError,
    decode,
    encode,
)

SOONEST, LATEST = 0.5, 2.0  # seconds until the next attempt
SHARE = 0.05  # of a core, at most, goes into what one peer says, once CREDIT is used up
CREDIT = 2.0  # seconds of work: a director that joins hears everything at once
PAUSE = 1.0  # seconds until the next message of a peer that has had its share, at most: it is to be answered
ROWS = 4096  # rows of a table, at most


@dataclass(slots=True)
class Subscriber:
    """Hears one peer. ``hear`` takes each message in; what it costs is the peer's share, and no more.

    ``since``: when ``state`` began, in seconds of the clock.
    """

    peer: str
    at: Endpoint
    source: IPAddress
    me: Hello
    credentials: Credentials
    clock: Callable[[], float]
    hear: Callable[[str, Message], None]
    gone: Callable[[str], None]
    state: PeerState = PeerState.CONNECTING
    since: float = field(init=False)
    error: str = ""
    _task: asyncio.Task[None] | None = None
    _wait: float = SOONEST
    _credit: float = CREDIT
    _counted: float = field(init=False)

    def __post_init__(self) -> None:
        self.since = self._counted = self.clock()

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._run(), name=f"peer {self.peer}")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def table(self, service: str) -> tuple[str, ...]:
        """Return the rows of a service's table at the peer, none where the peer does not say."""
        try:
            async with asyncio.timeout(PATIENCE), self._session() as session:
                url = f"https://{self.at}{TABLE}"
                async with session.get(
                    url, params={"service": service}, ssl=self.credentials.client(), server_hostname=self.peer
                ) as answer:
                    if answer.status != 200:
                        return ()
                    found = json.loads(await answer.content.read(LARGEST))
        except (aiohttp.ClientError, CredentialsError, OSError, ValueError, TimeoutError):
            return ()
        rows = found[:ROWS] if isinstance(found, list) else ()
        return tuple(printable(row) for row in rows if isinstance(row, str) and len(row) < 256)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(local_addr=(str(self.source), 0), limit=1, force_close=True)
        return aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(sock_connect=PATIENCE)
        )

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
                self._become(PeerState.SILENT, "the peer has ended the connection")
            except (_RefusedError, CredentialsError) as error:
                self._become(PeerState.REFUSED, str(error))
            except aiohttp.WSServerHandshakeError as error:
                self._become(PeerState.REFUSED, f"the peer answers with HTTP status {error.status}")
            except aiohttp.ClientConnectorCertificateError as error:
                self._become(PeerState.REFUSED, f"its certificate: {error.certificate_error}")
            except aiohttp.ClientSSLError as error:
                self._become(PeerState.REFUSED, f"TLS: {error}")
            except aiohttp.ClientConnectorError as error:
                why = os.strerror(error.os_error.errno) if error.os_error.errno else str(error.os_error)
                self._become(PeerState.SILENT, f"{self.at}: {why}")
            except WireError as error:
                self._become(PeerState.REFUSED, f"it sent {error}")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._become(PeerState.SILENT, str(error) or "no answer in time")
            except Exception as error:  # noqa: BLE001 - a fault of ours costs this peer's words, and no more
                self._become(PeerState.REFUSED, f"what it said found a fault in clusterlb: {error!r}")
            self.gone(self.peer)
            await asyncio.sleep(self._wait * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
            self._wait = min(2 * self._wait, LATEST)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Connect to the peer, and disconnect."""
        async with self._session() as session:
            async with asyncio.timeout(PATIENCE):
                talk = await session.ws_connect(
                    f"https://{self.at}{PATH}",
                    ssl=self.credentials.client(),
                    server_hostname=self.peer,
                    heartbeat=HEARTBEAT,
                    max_msg_size=LARGEST,
                )
            try:
                yield talk
            finally:
                # aiohttp reads on until the peer has closed, too: one that goes on talking would keep us here
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE):
                        await talk.close()

    async def _listen(self) -> None:
        async with self.connect() as talk:
            async with asyncio.timeout(PATIENCE):
                await talk.send_bytes(encode(self.me))
                first = await talk.receive()
            if first.type is not aiohttp.WSMsgType.BINARY:
                raise _RefusedError(str(first.extra or "the peer has turned this director away"))
            if why := unlike(self.me, decode(first.data, self.clock()), self.peer):
                raise _RefusedError(why)
            self._become(PeerState.CONNECTED, "")
            self._wait = SOONEST
            async for said in talk:
                if said.type is not aiohttp.WSMsgType.BINARY:
                    break
                await self._take(talk, said.data)
            if talk.close_code not in {None, 1000, 1001, 1006}:
                raise _RefusedError(f"the connection ended with WebSocket code {talk.close_code}")

    async def _take(self, talk: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
        """Take a message in, and have the peer wait for the next one while it has had more than its share."""
        began = self.clock()
        message = decode(data, began)
        if isinstance(message, PeerTables | Sightings | Complete):
            self.hear(self.peer, message)
        if isinstance(message, Sightings):
            await talk.send_bytes(encode(Taken(message.number)))
        ended = self.clock()
        self._credit = min(CREDIT, self._credit + SHARE * (began - self._counted)) - (ended - began)
        self._counted = ended
        if self._credit < 0:
            await asyncio.sleep(min(-self._credit / SHARE, PAUSE))

    def _become(self, state: PeerState, error: str) -> None:
        if state is not self.state:
            self.state, self.since = state, self.clock()
        self.error = printable(error)


class _RefusedError(Exception):
    """The two do not talk with each other; the text says why."""
