"""Operators' intents over the socket: make one, take one back.

``POST /v1/intents`` takes ``{kind, target, who, reason}``, of a pin ``value``, and optionally ``for`` and
``patience`` in seconds, ``begins`` in seconds since 1970, and ``force``. ``DELETE /v1/intents`` takes
``{kind, target}``.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web

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

BODY = 10.0  # seconds that a request may take to come
MOST_TARGET = 300  # characters: a pool's name, an address and a port


def intents(controller: Controller) -> list[web.RouteDef]:
    """Return the routes of one controller."""

    async def make(request: web.Request) -> web.Response:
        return await _make(controller, await body_of(request))

    async def take_back(request: web.Request) -> web.Response:
        return _take_back(controller, await body_of(request))

    return [web.post("/v1/intents", make), web.delete("/v1/intents", take_back)]


async def body_of(request: web.Request) -> dict[str, Any]:
    """Return what a request's body says, nothing where it is no object."""
    try:
        async with asyncio.timeout(BODY):
            body = await request.json()
    except (ValueError, RecursionError):
        body = None
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the request did not come to its end") from None
    return body if isinstance(body, dict) else {}


def refusal(error: RefusedError) -> web.Response:
    """Return the answer that a guard's refusal is."""
    return answer({"error": error.because.text, "reason": error.because.reason.value}, 409)


async def _make(controller: Controller, body: dict[str, Any]) -> web.Response:
    try:
        duration = _time(body, "for", LONGEST)
        made = await controller.intents.set(_intent(controller, body), duration)
    except (ValueError, KeyError, TypeError) as error:
        return answer({"error": f"not an intent: {_why(error)}"}, 400)
    except UnknownTargetError as error:
        return answer({"error": str(error)}, 404)
    except RefusedError as error:
        return refusal(error)
    except JournalError as error:
        return answer({"error": str(error)}, 507)
    return answer({"until": made.until, "begins": made.begins})


def _intent(controller: Controller, body: dict[str, Any]) -> Intent:
    """Return the intent; ValueError, KeyError, TypeError or UnknownTargetError for what cannot be meant."""
    kind = IntentKind(body["kind"])
    force = body.get("force", False)
    if not isinstance(force, bool):
        raise ValueError("force is true or false")  # noqa: TRY004 - one kind of error for what cannot be meant
    value = _text(body, "value", "") if kind is IntentKind.PIN else ""  # nothing else has a value of its own
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
    found = _target(controller, kind, target)
    match kind, found:
        case IntentKind.PIN, MemberTarget():
            return Pin(target=found, verdict=VERDICTS[value], **common)
        case IntentKind.DRAIN, _:
            return Drain(target=found, patience=patience, force=force, **common)
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
        raise ValueError(f"{key} is a text")  # noqa: TRY004 - one kind of error for what cannot be meant
    return value


def _words(body: dict[str, Any], key: str) -> str:
    """Return a text that goes to logs, terminals and tables as it is; ValueError for one that cannot."""
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
    """Return a time in seconds, None where there is none; raise ValueError for one that no clock shows."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{key} is a number of seconds from 0 to {most:.0f}")
    return float(value)


def _take_back(controller: Controller, body: dict[str, Any]) -> web.Response:
    try:
        kind, target = IntentKind(body["kind"]), _text(body, "target")
        intent = controller.intents.clear(kind, _target(controller, kind, target))
    except (ValueError, KeyError, TypeError) as error:
        return answer({"error": f"not an intent: {_why(error)}"}, 400)
    except UnknownTargetError as error:
        return answer({"error": str(error)}, 404)
    except JournalError as error:
        return answer({"error": str(error)}, 507)
    if intent is None and controller.intents.planned is not None and kind is IntentKind.DRAIN:
        text = f"a maintenance window drains this director: {controller.intents.planned.reason}"
        return answer({"error": f"{text}. To end it, change it in the inventory"}, 409)
    if intent is None:
        return answer({"error": f"there is no {kind.value} of {target}"}, 404)
    return answer({})
