"""A fake host's controller with its real API on the socket, as ``clusterlb up`` serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fake_director import FakeDirector, running

from clusterlb.api.server import Server
from clusterlb.controller.daemon import Controller


@asynccontextmanager
async def served(host: FakeDirector, **options: Any) -> AsyncIterator[Controller]:
    """Run a host's controller and serve it in ``host.root / "run"``; the options are the server's."""
    async with running(host) as controller:
        server = Server(controller, host.root / "run", None, **options)
        await server.start()
        try:
            yield controller
        finally:
            await server.close()
