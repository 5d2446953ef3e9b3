"""Validate one item against its model: report every error with its place, and return the valid parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from clusterlb.config.compose import DEEPEST
from clusterlb.config.hints import clip
from clusterlb.config.item import Item
from clusterlb.config.nodes import Node, Path, find, plain, without
from clusterlb.config.report import Report
from clusterlb.config.wording import meant, word

M = TypeVar("M", bound=BaseModel)
K = TypeVar("K")


# stand-ins for missing or invalid required keys of an item, so that the rest can be validated; a list or
# mapping is emptied again
_STAND_INS: dict[str, object] = {
    "name": "unknown",
    "vip_prefixes": ["192.0.2.0/24"],
    "router_id": "192.0.2.1",
    "uplinks": ["unknown"],
    "members": [{"address": "192.0.2.1", "port": 1}],
    "directors": ["unknown"],
    "reason": "unknown",
    "for": "1h",
    "services": [{"protocol": "tcp", "port": 1, "pool": "unknown"}],
    "sources": ["192.0.2.0/24"],
    "addresses": {"unknown": ["192.0.2.1"]},
}


_MOST_TRIED = 20  # errors of one item whose hints are tried before they are given


def validate(item: Item, model: type[M], report: Report) -> tuple[Item, M] | None:
    """Return an item without its invalid parts, and its validated model; None when nothing is valid.

    All errors are reported at once. Then the invalid values are removed, together with values that need them,
    so that the checks between fields see all other values.
    """
    stand_ins: dict[str, object] = {}
    for attempt in range(DEEPEST):
        try:
            data = plain(item.node)
            found = model.model_validate({**data, **stand_ins} if stand_ins else data)
        except ValidationError as failure:
            errors = [
                _error(error, item.node) for error in failure.errors(include_url=False, include_input=False)
            ]
        else:
            emptied: dict[str, object] = {
                key: type(value)() for key, value in stand_ins.items() if isinstance(value, list | dict)
            }
            return item, found.model_copy(update=emptied) if emptied else found
        if not attempt:
            misspelt = {meant(error, model, item) for error in errors}
            told = (error for error in errors if error["type"] != "missing" or error["loc"] not in misspelt)
            for number, error in enumerate(told):
                text, hint = word(error, model, item, trying=number < _MOST_TRIED)
                _report(item, error["loc"], text, hint, error["type"], report)
        missing = {error["loc"] for error in errors if error["type"] == "missing"}
        stand_ins |= {key: value for key, value in _STAND_INS.items() if (key,) in missing}
        culprits = [_culprit(error["loc"], error["type"]) for error in errors]
        rest = without(item.node, [path for path in culprits if path or not missing])
        if rest is None:
            return None
        item = replace(item, node=rest)
    return None


def validate_name(item: Item, what: str, parse: Callable[[object], K], report: Report) -> K | None:
    """Return the parsed key of an item; None, with a problem in the report, for an invalid key."""
    try:
        return parse(item.name)
    except PydanticCustomError as error:
        context = error.context or {}
        text = f"{what} `{clip(item.name)}` {context['text']}"
        report.error(item.place, text, context["hint"])
        return None


def _error(error: ErrorDetails, node: Node) -> ErrorDetails:
    """Return an error with its path in the file: for an invalid key, pydantic adds a part to the path."""
    path = error["loc"]
    if error["type"] == "refused" and path[-1:] == ("[key]",) and find(node, path) is None:
        return {**error, "loc": path[:-1], "type": "key_refused"}
    return error


def _report(item: Item, path: Path, text: str, hint: str, kind: str, report: Report) -> None:
    if kind in ("missing", "extra_forbidden", "key_refused"):
        place = item.key_at(*path)
        text = f"{text} in `{clip(item.name)}`" if len(path) == 1 and kind != "key_refused" else text
    else:
        place = item.at(*path)
    report.error(place, text, hint)


def _culprit(path: Path, kind: str) -> Path:
    """Return the path of the value to remove: the invalid one, or the mapping that needs it."""
    return path[:-1] if kind == "missing" or path[-1:] in (("type",), ("mode",)) else path
