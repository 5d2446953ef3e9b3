"""Operators' wishes over the socket: make one, take one back.

``POST /v1/intents`` takes ``{kind, target, value, who, reason}`` and optionally ``for`` and ``patience`` in
seconds, ``begins`` in seconds since 1970, and ``force``. ``DELETE /v1/intents`` takes ``{kind, target}``.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from clusterlb.api.answer import answer
from clusterlb.controller.daemon import Controller
from clusterlb.controller.intents import UnknownTargetError
from clusterlb.controller.journal import JournalError
from clusterlb.core.guard import refused_drain
from clusterlb.core.place import FORCE
from clusterlb.model.intent import LATEST, LONGEST, Intent, IntentKind

SETTLE = 10.0  # seconds after a change of the announcing directors in which no member begins to drain


def wishes(controller: Controller) -> list[web.RouteDef]:
    """Return the routes of one controller."""

    async def make(request: web.Request) -> web.Response:
        body = await wished(request)
        if body.get("kind") == IntentKind.DRAIN.value:
            await controller.readings.cluster(at_once=True)  # the guards look at what is now
        return _make(controller, body)

    async def take_back(request: web.Request) -> web.Response:
        return _take_back(controller, await wished(request))

    return [web.post("/v1/intents", make), web.delete("/v1/intents", take_back)]


async def wished(request: web.Request) -> dict[str, Any]:
    """Return what a request's body says, nothing where it is no object."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {}


def _make(controller: Controller, body: dict[str, Any]) -> web.Response:
    try:
        intent, duration = _intent(body)
    except (ValueError, KeyError, TypeError) as error:
        return answer({"error": f"not an intent: {error!r}"}, 400)
    if not body.get("force") and not intent.begins:
        world = controller.world
        around = world.around(controller.reconciler.clock())
        refused = refused_drain(intent, world.inventory, around, world.cluster_changed_at, SETTLE)
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
    value = str(body.get("value", ""))
    if kind is IntentKind.PIN and value not in ("up", "down"):
        raise ValueError("a pin is up or down; to let the checks decide, take it back")
    if kind is IntentKind.DRAIN and body.get("force"):
        value = FORCE
    intent = Intent(
        kind,
        str(body["target"]),
        value,
        who=str(body["who"]),
        reason=str(body["reason"]),
        made=0.0,
        begins=_time(body, "begins", LATEST) or 0.0,
        patience=_time(body, "patience", LONGEST),
    )
    return intent, _time(body, "for", LONGEST)


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
        kind, target = IntentKind(body["kind"]), str(body["target"])
    except (ValueError, KeyError) as error:
        return answer({"error": f"not an intent: {error!r}"}, 400)
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
