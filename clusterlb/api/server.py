"""HTTP on the director's unix socket for its own commands; metrics on a TCP port for Prometheus."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from clusterlb.api.idle import Idle
from clusterlb.api.intents import body_of, intents, refusal
from clusterlb.api.json_form import answer
from clusterlb.api.metrics import exposition
from clusterlb.api.scrape import Scrape, collected_later
from clusterlb.api.socket import ControllerSocket, TakenError
from clusterlb.controller.condition import condition
from clusterlb.controller.daemon import Controller
from clusterlb.controller.forecast import forecast
from clusterlb.controller.intents import RefusedError
from clusterlb.controller.judgement import broken, troubles
from clusterlb.controller.reload import UnusableError
from clusterlb.controller.status import status

SOCKET_NAME = "api.sock"
WARNINGS = 20  # warnings in an answer of /health, at most

log = structlog.get_logger()


class ApiError(Exception):
    """The API could not be served; the text says where and what to do."""


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer HTTP's errors and a handler's exceptions in JSON, so that the client shows the reason."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return answer({"error": error.text or error.reason}, error.status)
    except Exception as error:  # noqa: BLE001 - the client is told any reason
        log.error("api", path=request.path, error=repr(error), traceback=traceback.format_exc())  # noqa: TRY400
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        return answer({"error": f"the controller could not answer {request.path}: {text}"}, 500)


class Server:
    """Serves one controller. ``metrics`` is (host, port), or None for no TCP port."""

    def __init__(
        self,
        controller: Controller,
        run_dir: Path,
        metrics: tuple[str, int] | None,
        idle: Callable[[], Idle] = Idle,
    ) -> None:
        self._controller = controller
        self._socket = ControllerSocket(run_dir / SOCKET_NAME)
        self._metrics = metrics
        self._make_idle = idle
        self._runners: list[web.AppRunner] = []
        self._watchers: list[asyncio.Task[None]] = []
        self._scrape = Scrape(self._exposition)

    async def start(self) -> None:
        """Listen, or raise ApiError."""
        idle = self._make_idle()
        control = web.Application(middlewares=[idle.middleware, errors_as_json])
        control.add_routes(
            [
                web.get("/v1/status", self._status),
                web.get("/v1/plan", self._plan),
                web.post("/v1/reload", self._reload),
                web.post("/v1/down", self._down),
                web.get("/metrics", self._scrape.answer),
                web.get("/health", self._health),
                *intents(self._controller),
            ]
        )
        await self._listen_unix(control, idle)
        if self._metrics is not None:
            idle = self._make_idle()
            public = web.Application(middlewares=[idle.middleware, errors_as_json])
            public.add_routes([web.get("/metrics", self._scrape.answer), web.get("/health", self._health)])
            await self._listen_tcp(public, idle, *self._metrics)

    async def close(self) -> None:
        """Stop listening; requests under way get a moment to end."""
        for watcher in self._watchers:
            watcher.cancel()
        for runner in self._runners:
            await runner.cleanup()
        self._socket.close()

    async def _listen_unix(self, app: web.Application, idle: Idle) -> None:
        try:
            listening = self._socket.listen()
            await web.SockSite(await self._runner(app, idle), listening).start()
        except TakenError as error:
            raise ApiError(str(error)) from error
        except OSError as error:
            raise ApiError(
                f"{self._socket.path}: cannot listen: {error.strerror or error}; choose another --run-dir"
            ) from error

    async def _listen_tcp(self, app: web.Application, idle: Idle, host: str, port: int) -> None:
        runner = await self._runner(app, idle)
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ApiError(
                f"metrics: cannot listen on {host}:{port}: {error.strerror or error}; "
                f"choose another address with --metrics HOST:PORT, or --metrics off"
            ) from error

    async def _runner(self, app: web.Application, idle: Idle) -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        self._runners.append(runner)
        if runner.server is not None:
            self._watchers.append(asyncio.create_task(idle.watch(runner.server), name="idle connections"))
        return runner

    async def _status(self, _: web.Request) -> web.Response:
        with collected_later():
            return await asyncio.to_thread(answer, await status(self._controller))

    async def _plan(self, request: web.Request) -> web.Response:
        path = request.query.get("inventory")
        try:
            candidate = await self._controller.reloader.candidate(Path(path)) if path else None
        except UnusableError as error:
            return answer({"error": str(error)}, 422)
        found = await forecast(self._controller.reconciler, candidate)
        steps = [str(step) for step in found.plan]
        return answer({"steps": steps, "flows": found.services})

    async def _reload(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        reloader = self._controller.reloader
        good = await reloader.reload(yes=body.get("yes") is True)
        code = 200 if good else 409 if reloader.unconfirmed else 422
        return answer({"ok": good, "error": reloader.error}, code)

    async def _down(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        try:
            problems = await self._controller.down(force=body.get("force") is True)
        except RefusedError as error:
            return refusal(error)
        return answer({"problems": problems}, 500 if problems else 200)

    async def _exposition(self) -> bytes:
        with collected_later():
            return await asyncio.to_thread(exposition, await status(self._controller))

    async def _health(self, _: web.Request) -> web.Response:
        """Say whether the director can do its work, without asking the kernel or FRR: polling is cheap."""
        state = condition(self._controller)
        because, all_troubles = broken(state), troubles(state)
        warnings = all_troubles[len(because) :][:WARNINGS]
        body = {"ok": not because, "because": because, "warnings": warnings}
        return answer(body, 503 if because else 200)
