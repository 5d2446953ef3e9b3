"""Serve what this director has to tell to its peers, over mutual TLS and WebSocket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from ipaddress import ip_address
from itertools import count, islice

from aiohttp import WSMsgType, web

from clusterlb.model.address import IPAddress, endpoint_text
from clusterlb.peers.board import Board, PeerReader
from clusterlb.peers.credentials import Credentials, CredentialsError, names_in
from clusterlb.peers.wire import (
    AT_ONCE,
    Complete,
    Hello,
    PeerTables,
    Taken,
    WireError,
    decode,
    encode,
    encode_sightings,
)

PATH = "/peer"
TABLE = "/table"
SAID = 4096  # bytes of what a reader says, at most: it says hello, and what it has taken in
PATIENCE = 5.0  # seconds for TLS, for a hello, and for a message to be taken from us
HEARTBEAT = 10.0  # seconds between two pings; a peer that does not answer in half of that is gone
PER_ADDRESS = 4  # connections of one address, at most
PAUSE = 0.005  # seconds between two words of a reader, at least: who floods us waits

Told = Callable[[str, str], None]
"""Is told of a peer, and why the peer was turned away."""


class Publisher:
    """Tells peers what is on the board. ``rows``: the rows of a service's table, for who asks for them.

    Who has no address of a peer is turned away before TLS, so that a stranger costs next to nothing.
    """

    def __init__(
        self,
        board: Board,
        me: Hello,
        credentials: Credentials,
        clock: Callable[[], float],
        rows: Callable[[str], Collection[str]],
        turned_away: Told,
    ) -> None:
        self._board = board
        self._me = me
        self._credentials = credentials
        self._clock = clock
        self._rows = rows
        self._turned_away = turned_away
        self._peers: Mapping[IPAddress, str] = {}
        self._runner: web.AppRunner | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._handshakes: dict[asyncio.Task[None], IPAddress] = {}
        self._sockets: dict[str, web.WebSocketResponse] = {}

    async def start(self, address: IPAddress, port: int, peers: Mapping[IPAddress, str]) -> None:
        """Listen for these peers, by their address; raise OSError."""
        self._peers = peers
        app = web.Application(client_max_size=SAID)
        app.add_routes([web.get(PATH, self._tell), web.get(TABLE, self._table)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((str(address), port))
            listening.listen(64)
        except OSError as error:
            listening.close()
            await self._runner.cleanup()
            where = endpoint_text(address, port)
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror}") from error
        self._accepting = asyncio.create_task(self._accept(listening), name="peers")

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        tasks = [task for task in (self._accepting, *self._handshakes) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for each in list(self._sockets.values()):
            with suppress(Exception):
                await asyncio.wait_for(each.close(), 1.0)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    accepted, who = await loop.sock_accept(listening)
                except OSError:
                    await asyncio.sleep(1.0)  # no descriptors are left: what is open goes on
                    continue
                try:
                    self._let_in(accepted, _address(who))
                except Exception as error:  # noqa: BLE001 - nobody is to lose the listener for one connection
                    accepted.close()
                    self._turned_away(str(who), repr(error))

    def _let_in(self, accepted: socket.socket, address: IPAddress) -> None:
        """Begin with TLS, where a peer has the address, and not too many connections."""
        if address not in self._peers or self._connections(address) >= PER_ADDRESS:
            accepted.close()
            return
        task = asyncio.create_task(self._shake_hands(accepted, address))
        self._handshakes[task] = address
        task.add_done_callback(self._handshakes.pop)

    @property
    def _server(self) -> web.Server:
        """Return aiohttp's part, which is there from the start on."""
        if self._runner is None or self._runner.server is None:
            raise RuntimeError("the publisher has not been started")
        return self._runner.server

    def _connections(self, address: IPAddress) -> int:
        """Return how many connections an address has, those included that are being made."""
        transports = (each.transport for each in self._server.connections)
        ends = (each.get_extra_info("peername") for each in transports if each is not None)
        made = sum(who is not None and _address(who) == address for who in ends)
        return made + sum(other == address for other in self._handshakes.values())

    async def _shake_hands(self, accepted: socket.socket, address: IPAddress) -> None:
        """Have aiohttp serve a connection once TLS says that it is a director's."""
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._server,
                accepted,
                ssl=self._credentials.server(),
                ssl_handshake_timeout=PATIENCE,
                ssl_shutdown_timeout=1.0,
            )
        except CredentialsError as error:
            self._turned_away(self._peers[address], str(error))
            accepted.close()
        except OSError as error:  # asyncio has closed the connection
            self._turned_away(self._peers[address], f"TLS: {error or 'no handshake in time'}")

    def _peer(self, request: web.Request) -> str:
        """Return the peer that asks; raise HTTPForbidden for anybody else."""
        transport = request.transport
        if transport is None:
            raise web.HTTPForbidden
        expected = self._peers[_address(transport.get_extra_info("peername"))]
        names = names_in(transport.get_extra_info("peercert"))
        if expected not in names:
            why = f"its certificate is of {', '.join(sorted(names)) or 'nobody'}"
            self._turned_away(expected, why)
            raise web.HTTPForbidden(text=f"this is not {expected}: {why}")
        return expected

    async def _table(self, request: web.Request) -> web.Response:
        self._peer(request)
        return web.json_response(list(self._rows(request.query.get("service", ""))))

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        peer = self._peer(request)
        talk = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=SAID, timeout=1.0)
        await talk.prepare(request)
        before = self._sockets.get(peer)
        self._sockets[peer] = talk
        if before is not None:
            await before.close(message=b"connected anew")
        try:
            await self.talk(talk, peer)
        finally:
            if self._sockets.get(peer) is talk:
                del self._sockets[peer]
            with suppress(Exception):
                await talk.close()
        return talk

    async def talk(self, talk: web.WebSocketResponse, peer: str) -> None:
        """Tell a peer everything, then what is new, until one of the two ends it."""
        try:
            async with asyncio.timeout(PATIENCE):
                hello = decode(await talk.receive_bytes(), self._clock())
                await talk.send_bytes(encode(self._me))
            if why := unlike(self._me, hello, peer):
                self._turned_away(peer, why)
                await talk.close(message=why.encode()[:120])
                return
            await self._converse(talk, peer)
        except (WireError, TypeError) as error:
            self._turned_away(peer, str(error))
        except (TimeoutError, ConnectionError, RuntimeError):
            pass  # the reader comes again

    async def _converse(self, talk: web.WebSocketResponse, peer: str) -> None:
        reader = self._board.read_by(peer)
        sending = asyncio.create_task(self._send(talk, reader))
        try:
            async for said in talk:
                if said.type is not WSMsgType.BINARY:
                    break
                message = decode(said.data, self._clock())
                if isinstance(message, Taken):
                    self._board.answer(reader, message.number)
                await asyncio.sleep(PAUSE)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            self._board.forget(peer, reader)

    async def _send(self, talk: web.WebSocketResponse, reader: PeerReader) -> None:
        """Send what waits, then wait for more. One message waits for the other to be taken by the network."""
        try:
            numbers = count(1)
            complete: bool | None = None
            while True:
                await reader.wake.wait()
                reader.wake.clear()
                if reader.tables_sent != self._board.tables_number:
                    reader.tables_sent = self._board.tables_number
                    await self._out(talk, encode(PeerTables(dict(self._board.tables))))
                while reader.pending:
                    part = [reader.pending.pop(flow) for flow in tuple(islice(reader.pending, AT_ONCE))]
                    for data in encode_sightings(part, numbers, self._clock()):
                        reader.sent += 1
                        await self._out(talk, data)
                if complete != self._board.joined:
                    complete = self._board.joined
                    await self._out(talk, encode(Complete(complete)))
        except (TimeoutError, ConnectionError, RuntimeError):
            await talk.close()

    async def _out(self, talk: web.WebSocketResponse, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await talk.send_bytes(data)


def unlike(me: Hello, said: object, peer: str) -> str:
    """Return why a peer that has said hello is not one to talk with, an empty text where it is."""
    if not isinstance(said, Hello):
        return "it did not say hello"
    if said.version != me.version:
        return (
            f"it speaks version {said.version} of the peer channel, this director {me.version}: upgrade one"
        )
    if said.cluster != me.cluster:
        return f"it is of cluster {said.cluster}, this director of {me.cluster}"
    if said.director != peer:
        return f"it calls itself {said.director}"
    return ""


def _address(who: object) -> IPAddress:
    """Return the address in what a socket calls the other end."""
    text = who[0] if isinstance(who, tuple) else str(who)
    return ip_address(str(text).partition("%")[0])
