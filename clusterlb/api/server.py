"""HTTP on the director's unix socket for its own commands; metrics on a TCP port for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from clusterlb.api.answer import answer
from clusterlb.api.metrics import exposition
from clusterlb.api.scrape import Scrape, collected_later
from clusterlb.api.wishes import wished, wishes
from clusterlb.controller.daemon import Controller
from clusterlb.controller.status import plan_lines, status
from clusterlb.core.guard import refused_down

SOCKET_NAME = "api.sock"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiError(Exception):
    """The API could not be served; the text says where and what to do."""


class Server:
    """Serves one controller. ``metrics`` is (host, port) or None."""

    def __init__(self, controller: Controller, run_dir: Path, metrics: tuple[str, int] | None) -> None:
        self._controller = controller
        self._socket = run_dir / SOCKET_NAME
        self._metrics = metrics
        self._runners: list[web.AppRunner] = []
        self._scrape = Scrape(self._exposition)

    async def start(self) -> None:
        """Listen, or raise ApiError."""
        control = web.Application()
        control.add_routes(
            [
                web.get("/v1/status", self._status),
                web.get("/v1/plan", self._plan),
                web.post("/v1/reload", self._reload),
                web.post("/v1/down", self._down),
                web.get("/metrics", self._scrape.answer),
                *wishes(self._controller),
            ]
        )
        await self._listen_unix(control)
        if self._metrics is not None:
            public = web.Application()
            public.add_routes([web.get("/metrics", self._scrape.answer), web.get("/health", self._health)])
            await self._listen_tcp(public, *self._metrics)

    async def close(self) -> None:
        """Stop listening; requests under way get a moment to end."""
        for runner in self._runners:
            await runner.cleanup()
        self._socket.unlink(missing_ok=True)

    async def _listen_unix(self, app: web.Application) -> None:
        runner = await self._runner(app)
        try:
            self._socket.parent.mkdir(parents=True, exist_ok=True)
            self._socket.unlink(missing_ok=True)  # left behind by a killed controller
            await web.UnixSite(runner, str(self._socket)).start()
            self._socket.chmod(0o660)
        except OSError as error:
            raise ApiError(
                f"{self._socket}: cannot listen: {error.strerror}; choose another --run-dir"
            ) from error

    async def _listen_tcp(self, app: web.Application, host: str, port: int) -> None:
        runner = await self._runner(app)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ApiError(
                f"metrics: cannot listen on {host}:{port}: {error.strerror}; "
                f"choose another address with --metrics HOST:PORT, or --metrics off"
            ) from error

    async def _runner(self, app: web.Application) -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _status(self, _: web.Request) -> web.Response:
        with collected_later():
            return await asyncio.to_thread(answer, await status(self._controller))

    async def _plan(self, _: web.Request) -> web.Response:
        return answer({"steps": plan_lines(self._controller.reconciler.plan())})

    async def _reload(self, request: web.Request) -> web.Response:
        wish = await wished(request)
        reloader = self._controller.reloader
        good = await reloader.reload(yes=wish.get("yes") is True)
        code = 200 if good else 409 if reloader.unconfirmed else 422
        return answer({"ok": good, "error": reloader.error}, code)

    async def _down(self, request: web.Request) -> web.Response:
        controller, wish = self._controller, await wished(request)
        if wish.get("force") is not True and not controller.world.leaving:
            await controller.readings.cluster(at_once=True)  # the guard looks at what is now
            around = controller.world.around(controller.reconciler.clock())
            refused = refused_down(controller.world.inventory, around)
            if refused is not None:
                return answer({"error": refused.text, "reason": refused.reason.value}, 409)
        problems = await self._controller.down()
        return answer({"problems": problems}, 500 if problems else 200)

    async def _exposition(self) -> bytes:
        with collected_later():
            return await asyncio.to_thread(exposition, await status(self._controller))

    async def _health(self, _: web.Request) -> web.Response:
        return answer({"ok": True})
