"""Serve the metrics in bounded memory, and without stalling the controller's loop.

One exposition is made at a time. Requests that arrive while it is made, or within a second after, get the
same one. It is sent in pieces of 64 KiB, each after the last was taken, so a client that does not read holds
one piece, and its connection ends after 10 seconds.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

FRESH = 1.0  # seconds for which an exposition is served again
PIECE = 64 * 1024  # bytes
SEND_LIMIT = 10.0  # seconds in which a client has to read the answer: Prometheus' own scrape_timeout
HEADERS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


class _Uncollected:
    """How many blocks run with the garbage collector off."""

    count = 0


@contextmanager
def collected_later() -> Iterator[None]:
    """Keep Python's garbage collector off while many objects are made, all of which are in use.

    A collection over 100,000 objects takes 50 ms and more, in which the loop stands still.
    """
    _Uncollected.count += 1
    gc.disable()
    try:
        yield
    finally:
        _Uncollected.count -= 1
        if not _Uncollected.count:
            gc.enable()


class Scrape:
    """Serves the exposition that ``make`` makes."""

    def __init__(self, make: Callable[[], Awaitable[bytes]]) -> None:
        self._make = make
        self._made: asyncio.Task[bytes] | None = None
        self._made_at = 0.0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the metrics; end the connection if the client does not read them in time."""
        body = await asyncio.shield(self._current())
        response = web.StreamResponse(headers=HEADERS)
        response.content_length = len(body)
        try:
            async with asyncio.timeout(SEND_LIMIT):
                await response.prepare(request)
                for start in range(0, len(body), PIECE):
                    await response.write(body[start : start + PIECE])
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response

    def _current(self) -> asyncio.Task[bytes]:
        """Return the exposition that is being made or is fresh, or begin one."""
        made, now = self._made, asyncio.get_running_loop().time()
        if made is None or (made.done() and (now >= self._made_at + FRESH or made.exception() is not None)):
            made = self._made = asyncio.ensure_future(self._make_one())
        return made

    async def _make_one(self) -> bytes:
        try:
            return await self._make()
        finally:
            self._made_at = asyncio.get_running_loop().time()
