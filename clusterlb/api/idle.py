"""Close idle connections: aiohttp itself keeps a connection whose first request never ends for ever."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

IDLE_LIMIT = 30.0  # seconds without a whole request; a client that scrapes less often connects anew
LOOK_EVERY = 5.0


class Idle:
    """Watches the connections of one server.

    A connection whose request a handler works on stays open, however long the handler takes. After the
    answer, a client has ``limit`` seconds to read it or to send the next request.
    """

    def __init__(self, limit: float = IDLE_LIMIT, look_every: float = LOOK_EVERY) -> None:
        self._limit = limit
        self._look_every = look_every
        self._busy: set[object] = set()
        self._since: dict[object, float] = {}

    @property
    def middleware(self) -> Middleware:
        """Return the middleware that notes which connections have a request under way."""

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
        """Close a server's idle connections every ``look_every`` seconds until cancelled."""
        while True:
            await asyncio.sleep(self._look_every)
            self.look(server)

    def look(self, server: web.Server) -> None:
        """Close the connections that are idle for longer than the limit."""
        now = asyncio.get_running_loop().time()
        self._since = {each: self._since.get(each, now) for each in server.connections}
        for connection in server.connections:
            if connection not in self._busy and now - self._since[connection] >= self._limit:
                connection.force_close()
