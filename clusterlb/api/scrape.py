"""Answer those who scrape the metrics: one answer is made at a time, and nobody's takes the loop's or memory.

Whoever asks while an answer is being made, or just after, gets the same one. It is sent in pieces, each when
the last has left, so that one who does not read holds a piece, and is let go when the time is up.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

FRESH = 1.0  # seconds that an answer counts as what is
PIECE = 64 * 1024  # bytes
PATIENCE = 10.0  # seconds in which an answer has to be read: Prometheus' own scrape_timeout
HEADERS = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}


class _Later:
    """How many things are being made."""

    count = 0


@contextmanager
def collected_later() -> Iterator[None]:
    """Keep Python's collector from looking through what is being made: it would find all of it in use.

    Each look at 100,000 objects takes 50 ms and more, in which the loop stands still.
    """
    _Later.count += 1
    gc.disable()
    try:
        yield
    finally:
        _Later.count -= 1
        if not _Later.count:
            gc.enable()


class Scrape:
    """Serves what ``make`` makes."""

    def __init__(self, make: Callable[[], Awaitable[bytes]]) -> None:
        self._make = make
        self._made: asyncio.Task[bytes] | None = None
        self._made_at = 0.0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the metrics, or end the connection when they are not read."""
        body = await asyncio.shield(self._current())
        response = web.StreamResponse(headers=HEADERS)
        response.content_length = len(body)
        try:
            async with asyncio.timeout(PATIENCE):
                await response.prepare(request)
                for start in range(0, len(body), PIECE):
                    await response.write(body[start : start + PIECE])
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return response

    def _current(self) -> asyncio.Task[bytes]:
        """Return the answer that is being made or has just been made, or begin one."""
        made, now = self._made, asyncio.get_running_loop().time()
        if made is None or (made.done() and (now >= self._made_at + FRESH or made.exception() is not None)):
            made = self._made = asyncio.ensure_future(self._make_one())
        return made

    async def _make_one(self) -> bytes:
        try:
            return await self._make()
        finally:
            self._made_at = asyncio.get_running_loop().time()
