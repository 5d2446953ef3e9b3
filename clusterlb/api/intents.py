"""Operators' intents over the unix socket: make an intent, take an intent back.

``POST /v1/intents`` takes ``{kind, target, who, reason}``, of a pin ``value``, and optionally ``for`` and
``patience`` in seconds, ``begins`` in seconds since 1970, and ``force``. ``DELETE /v1/intents`` takes
``{kind, target}``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from clusterlb.api.json_form import answer
from clusterlb.controller.daemon import Controller
from clusterlb.controller.intent_record import VERDICTS
from clusterlb.controller.intents import RefusedError, UnknownTargetError
from clusterlb.controller.journal import JournalError
from clusterlb.model.intent import (
    LATEST,
    LONGEST,
    MOST_WORDS,
    Drain,
    Intent,
    IntentKind,
    Pause,
    Pin,
    is_words,
    target_of,
)
from clusterlb.model.target import DirectorTarget, MemberTarget, Target

BODY_LIMIT = 10.0  # seconds in which a request has to arrive
MOST_TARGET = 300  # characters of a target: a pool's name, an address and a port


def intents(controller: Controller) -> list[web.RouteDef]:
    """Return the routes of one controller."""

    def route(handle: Callable[[Controller, dict[str, Any]], Awaitable[web.Response]]) -> Handler:
        async def answered(request: web.Request) -> web.Response:
            try:
                return await handle(controller, await body_of(request))
            except (ValueError, KeyError, TypeError) as error:
                return answer({"error": f"not an intent: {_why(error)}"}, 400)
            except UnknownTargetError as error:
                return answer({"error": str(error)}, 404)
            except RefusedError as error:
                return refusal(error)
            except JournalError as error:
                return answer({"error": str(error)}, 507)

        return answered

    return [web.post("/v1/intents", route(_make)), web.delete("/v1/intents", route(_take_back))]


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return the object in a request's JSON body; empty where the body is anything else."""
    try:
        async with asyncio.timeout(BODY_LIMIT):
            body = await request.json()
    except (ValueError, RecursionError):
        body = None
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the request did not come to its end") from None
    return body if isinstance(body, dict) else {}


def refusal(error: RefusedError) -> web.Response:
    """Return a guard's refusal as a response."""
    return answer({"error": error.because.text, "reason": error.because.reason.value}, 409)


async def _make(controller: Controller, body: dict[str, Any]) -> web.Response:
    duration = _time(body, "for", LONGEST)
    made = await controller.intents.set(_intent(controller, body), duration)
    return answer({"until": made.until, "begins": made.begins})


def _intent(controller: Controller, body: dict[str, Any]) -> Intent:
    """Return the intent; ValueError, KeyError, TypeError or UnknownTargetError for an invalid one."""
    kind = IntentKind(body["kind"])
    force = body.get("force", False)
    if not isinstance(force, bool):
        raise ValueError("force is true or false")  # noqa: TRY004 - one kind of error for invalid values
    value = _text(body, "value", "") if kind is IntentKind.PIN else ""  # other kinds have no value
    if kind is IntentKind.PIN and value not in VERDICTS:
        raise ValueError("a pin is up or down; to let the checks decide, take it back")
    target = _text(body, "target")
    if len(target) > MOST_TARGET:
        raise ValueError(f"target has more than {MOST_TARGET} characters")
    common: dict[str, Any] = {
        "who": _words(body, "who"),
        "reason": _words(body, "reason"),
        "begins": _begins(body),
    }
    patience = _time(body, "patience", LONGEST)
    parsed = _target(controller, kind, target)
    match kind, parsed:
        case IntentKind.PIN, MemberTarget():
            return Pin(target=parsed, verdict=VERDICTS[value], **common)
        case IntentKind.DRAIN, _:
            return Drain(target=parsed, patience=patience, force=force, **common)
        case IntentKind.PAUSE, DirectorTarget():
            return Pause(**common)
        case _:
            raise controller.intents.unknown(kind, target)


def _target(controller: Controller, kind: IntentKind, text: str) -> Target:
    try:
        return target_of(kind, text)
    except ValueError:
        raise controller.intents.unknown(kind, text) from None


def _text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body[key] if default is None else body.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} is a text")  # noqa: TRY004 - one kind of error for invalid values
    return value


def _words(body: dict[str, Any], key: str) -> str:
    """Return a text that is safe to show in logs, terminals and tables; ValueError for any other."""
    text = _text(body, key).strip()
    if not is_words(text):
        raise ValueError(f"{key} is one line of 1 to {MOST_WORDS} characters that can be printed")
    return text


def _begins(body: dict[str, Any]) -> float:
    """Return when an intent begins; 0, at once, for a time that has passed."""
    begins = _time(body, "begins", LATEST) or 0.0
    return begins if begins > time.time() else 0.0


def _why(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def _time(body: dict[str, Any], key: str, most: float) -> float | None:
    """Return a number of seconds from 0 to ``most``, None for a missing key; ValueError for anything else."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{key} is a number of seconds from 0 to {most:.0f}")
    return float(value)


async def _take_back(controller: Controller, body: dict[str, Any]) -> web.Response:
    kind, target = IntentKind(body["kind"]), _text(body, "target")
    intent = controller.intents.clear(kind, _target(controller, kind, target))
    if intent is None and controller.intents.planned is not None and kind is IntentKind.DRAIN:
        text = f"a maintenance window drains this director: {controller.intents.planned.reason}"
        return answer({"error": f"{text}. To end it, change it in the inventory"}, 409)
    if intent is None:
        return answer({"error": f"there is no {kind.value} of {target}"}, 404)
    return answer({})
