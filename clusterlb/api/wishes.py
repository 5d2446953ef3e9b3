"""Operators' wishes over the socket: make one, take one back.

``POST /v1/intents`` takes ``{kind, target, who, reason}``, of a pin ``value``, and optionally ``for`` and
``patience`` in seconds, ``begins`` in seconds since 1970, and ``force``. ``DELETE /v1/intents`` takes
``{kind, target}``.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web

from clusterlb.api.answer import answer
from clusterlb.controller.daemon import Controller
from clusterlb.controller.intents import UnknownTargetError
from clusterlb.controller.journal import JournalError
from clusterlb.core.guard import refused_drain
from clusterlb.model.intent import FORCE, LATEST, LONGEST, MOST_WORDS, VALUES, Intent, IntentKind, is_words

SETTLE = 10.0  # seconds after a change of the announcing directors in which no member begins to drain
SOON = 60.0  # seconds: what begins within them is judged by how things are now
BODY = 10.0  # seconds that a request may take to come
MOST_TARGET = 300  # characters: a pool's name, an address and a port


def wishes(controller: Controller) -> list[web.RouteDef]:
    """Return the routes of one controller."""

    async def make(request: web.Request) -> web.Response:
        body = await wished(request)
        if body.get("kind") == IntentKind.DRAIN.value:
            await controller.look_around()  # the guards look at what is now
        return _make(controller, body)

    async def take_back(request: web.Request) -> web.Response:
        return _take_back(controller, await wished(request))

    return [web.post("/v1/intents", make), web.delete("/v1/intents", take_back)]


async def wished(request: web.Request) -> dict[str, Any]:
    """Return what a request's body says, nothing where it is no object."""
    try:
        async with asyncio.timeout(BODY):
            body = await request.json()
    except (ValueError, RecursionError):
        body = None
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the request did not come to its end") from None
    return body if isinstance(body, dict) else {}


def _make(controller: Controller, body: dict[str, Any]) -> web.Response:
    try:
        intent, duration = _intent(body)
    except (ValueError, KeyError, TypeError) as error:
        return answer({"error": f"not an intent: {_why(error)}"}, 400)
    if intent.value != FORCE and intent.begins < time.time() + SOON:
        world = controller.world
        around = world.around(controller.reconciler.clock())
        silent = controller.readings.cluster_error
        refused = refused_drain(intent, world.inventory, around, world.cluster_changed_at, SETTLE, silent)
        if refused is not None:
            return answer({"error": refused.text, "reason": refused.reason.value}, 409)
    try:
        made = controller.intents.set(intent, duration)
    except UnknownTargetError as error:
        return answer({"error": str(error)}, 404)
    except JournalError as error:
        return answer({"error": str(error)}, 507)
    return answer({"until": made.until, "begins": made.begins})


def _intent(body: dict[str, Any]) -> tuple[Intent, float | None]:
    """Return the wish, and how long it is to last; raise ValueError, KeyError or TypeError."""
    kind = IntentKind(body["kind"])
    force = body.get("force", False)
    if not isinstance(force, bool):
        raise ValueError("force is true or false")  # noqa: TRY004 - one kind of error for what cannot be meant
    value = FORCE if kind is IntentKind.DRAIN and force else ""
    if kind is IntentKind.PIN:  # nothing else has a value of its own
        value = _text(body, "value", "")
        if value not in VALUES[kind]:
            raise ValueError("a pin is up or down; to let the checks decide, take it back")
    target = _text(body, "target")
    if len(target) > MOST_TARGET:
        raise ValueError(f"target has more than {MOST_TARGET} characters")
    intent = Intent(
        kind,
        target,
        value,
        who=_words(body, "who"),
        reason=_words(body, "reason"),
        made=0.0,
        begins=_begins(body),
        patience=_time(body, "patience", LONGEST),
    )
    return intent, _time(body, "for", LONGEST)


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
    """Return when a wish begins; 0, at once, for a time that has passed."""
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
    except (ValueError, KeyError, TypeError) as error:
        return answer({"error": f"not an intent: {_why(error)}"}, 400)
    try:
        intent = controller.intents.clear(kind, target)
    except JournalError as error:
        return answer({"error": str(error)}, 507)
    if intent is None and controller.intents.planned is not None and kind is IntentKind.DRAIN:
        text = f"a maintenance window drains this director: {controller.intents.planned.reason}"
        return answer({"error": f"{text}. To end it, change it in the inventory"}, 409)
    if intent is None:
        return answer({"error": f"there is no {kind.value} of {target}"}, 404)
    return answer({})
