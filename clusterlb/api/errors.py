"""An answer where a handler fails: who asks is to learn why, not that nobody answers."""

from __future__ import annotations

import traceback

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from clusterlb.api.json_form import answer

log = structlog.get_logger()


@web.middleware
async def say_why(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a handler's own error, and those of HTTP, as every other error is answered."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return answer({"error": error.text or error.reason}, error.status)
    except Exception as error:  # noqa: BLE001 - whatever it is, who asks is told
        log.error("api", path=request.path, error=repr(error), traceback=traceback.format_exc())  # noqa: TRY400
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        return answer({"error": f"the controller could not answer {request.path}: {text}"}, 500)
