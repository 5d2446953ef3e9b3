"""Close connections on which nothing is asked: one that never ends its first line would be kept for ever."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

PATIENCE = 30.0  # seconds in which a connection says nothing whole; a scraper that comes later connects again
LOOK_EVERY = 5.0


class Idle:
    """Watches the connections of one server; aiohttp itself has no limit before a request is whole.

    What a handler is at work on is left alone, however long it takes. What it has answered gets ``patience``
    seconds to take the answer.
    """

    def __init__(self, patience: float = PATIENCE, look_every: float = LOOK_EVERY) -> None:
        self._patience = patience
        self._look_every = look_every
        self._busy: set[object] = set()
        self._since: dict[object, float] = {}

    @property
    def middleware(self) -> Middleware:
        """Return what notes that a request is under way."""

        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._busy.add(request.protocol)
            try:
                return await handler(request)
            finally:
                self._busy.discard(request.protocol)
                self._since[request.protocol] = asyncio.get_running_loop().time()

        return note

    async def watch(self, server: web.Server) -> None:
        """Look at a server's connections until cancelled."""
        while True:
            await asyncio.sleep(self._look_every)
            self.look(server)

    def look(self, server: web.Server) -> None:
        """Close what has said nothing whole for too long."""
        now = asyncio.get_running_loop().time()
        self._since = {each: self._since.get(each, now) for each in server.connections}
        for connection in server.connections:
            if connection not in self._busy and now - self._since[connection] >= self._patience:
                connection.force_close()
