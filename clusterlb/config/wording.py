"""pydantic's errors in an operator's words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from clusterlb.config.by_type import ByType
from clusterlb.config.fields import NAME
from clusterlb.config.hints import LONGEST, clip, odd_character, trial, type_hint
from clusterlb.config.item import Item
from clusterlb.config.nodes import Mapping, Node, Path, Scalar, find, step
from clusterlb.config.secret import SECRET, without_queries

_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "bool_type": "true or false",
}


def word(error: ErrorDetails, model: type[BaseModel], item: Item, *, trying: bool = True) -> tuple[str, str]:
    """Return the text and the hint of one error that ``model`` found in an item.

    ``trying``: try a value before a hint proposes it, which costs as much as validating the item.
    """
    path, kind = error["loc"], error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    found = find(item.node, path)
    label = _label(path) if path else f"`{clip(item.name)}`"
    if kind == "missing":
        return f"{label} is missing", _description(model, path, item.node)
    if kind == "extra_forbidden":
        return f"unknown key {label}", _nearest_key(
            str(path[-1]), _model_at(model, path[:-1], item.node), find(item.node, path[:-1])
        )
    if kind in _WANTED and _secret(path):
        return f"{label} needs {_WANTED[kind]}", "put it in quotes"
    if kind in _WANTED:
        wanted = _WANTED[kind]
        holder = _model_at(model, path, item.node)
        tried = trial(model, item, path) if trying else lambda _: ""
        hint = type_hint(wanted, item, path, found, _keys(holder) if holder else (), tried)
        return f"{label} needs {wanted}, but is {_described(found, path)}", hint or _description(
            model, path, item.node
        )
    if kind == "literal_error" and isinstance(found, Scalar) and (odd := odd_character(str(found.value))):
        return f"{label} may not be {describe(found)}", odd
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return f"{label} may not be {describe(found)}", one_of(_shown(found), choices)
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return f"{label} must be {bound}, but is {_shown(found)}", _description(model, path, item.node)
    if kind == "too_short":
        return f"{label} is empty", _description(model, path, item.node)
    if kind == "too_long":
        return f"{label} has more than {context['max_length']} items", _description(model, path, item.node)
    if kind == "key_refused":
        return f"{label} {context['text']}", context["hint"]
    if kind == "refused":
        text = f"{label} {context['text']}"
        if not _secret(path):
            text += (
                f", but is {describe(found)}"
                if context["text"].startswith("needs")
                else f": `{_shown(found)}`"
            )
        odd = odd_character(found.value) if isinstance(found, Scalar) and isinstance(found.value, str) else ""
        return text, odd or context["hint"]
    return f"{label}: {error['msg']}", ""


def nearest(value: str, choices: Iterable[str]) -> str:
    """Return a hint that names the most similar choice; empty when no choice is similar."""
    close = difflib.get_close_matches(value[:LONGEST], list(choices), n=1)
    return f"did you mean `{close[0]}`?" if close else ""


def one_of(value: str, choices: Iterable[str]) -> str:
    """Return a hint that names the nearest choice, or all of them."""
    known = list(choices)
    return nearest(value, known) or all_of(known)


def all_of(choices: Iterable[str]) -> str:
    """Return a hint that names all of some choices."""
    known = list(choices)
    return "one of: " + ", ".join(known) if len(known) > 1 else f"only `{known[0]}` is possible here"


def _secret(path: Path) -> bool:
    """Say whether the value at a path is secret: an OSPF key, or a header such as Authorization."""
    return not SECRET.isdisjoint(map(str, path))


def _label(path: Path) -> str:
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {_label(path[:-1])}"
    return f"`{clip(str(path[-1]))}`"


def _shown(node: Node | None) -> str:
    """Return a value as a file has it."""
    if not isinstance(node, Scalar):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return "null" if node.value is None else clip(without_queries(str(node.value)))


def describe(node: Node | None) -> str:
    """Return the kind of a value and the value."""
    if not isinstance(node, Scalar):
        return _shown(node)
    if node.value is None:
        return "empty (null)"
    names = {bool: "the boolean", int: "the number", float: "the number", str: "the text"}
    return f"{names[type(node.value)]} `{_shown(node)}`"


def _described(node: Node | None, path: Path) -> str:
    """Return the kind of a value and the value; without the value where it may be a misplaced secret."""
    misplaced = not path and isinstance(node, Scalar) and isinstance(node.value, str)
    return "a text" if misplaced else describe(node)


def meant(error: ErrorDetails, model: type[BaseModel], item: Item) -> Path | None:
    """Return the path of the missing key that an unknown key probably means; None for other errors."""
    path = error["loc"]
    if error["type"] != "extra_forbidden" or odd_character(str(path[-1])):
        return None
    holder = _model_at(model, path[:-1], item.node)
    close = _close(str(path[-1]), holder, find(item.node, path[:-1])) if holder else []
    return (*path[:-1], close[0]) if close else None


def _nearest_key(key: str, holder: type[BaseModel] | None, written: Node | None) -> str:
    if key == "<<":
        return "YAML 1.2 has no merge keys: write the keys out, or use an alias for the whole value"
    if odd := odd_character(key):
        return odd
    if holder is None:
        return ""
    close = _close(key, holder, written)
    return f"did you mean `{close[0]}`?" if close else all_of(_keys(holder))


def _close(key: str, holder: type[BaseModel], written: Node | None) -> list[str]:
    """Return the unused key of a model that is most similar to a key; empty when none is similar."""
    there = written.entries if isinstance(written, Mapping) else {}
    return difflib.get_close_matches(
        key[:LONGEST], [name for name in _keys(holder) if name not in there], n=1
    )


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the most similar valid name; empty when none is similar."""
    return nearest(name, filter(NAME.fullmatch, known))


def _description(model: type[BaseModel], path: Path, node: Node) -> str:
    holder = _model_at(model, path[:-1], node)
    info = _keys(holder).get(str(path[-1])) if holder and path else None
    return info.description or "" if info else ""


def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the keys of the file, such as `for`, which is no name in Python."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _model_at(model: type[BaseModel], path: Path, node: Node | None) -> type[BaseModel] | None:
    """Return the model of the value at a path; ``node``: the value that ``model`` describes."""
    found: Any = model
    for key in path:
        holder = _model(found, node)
        if holder is None:
            found = _item(found)
        else:
            info = _keys(holder).get(str(key))
            found = info.annotation if info else None
        node = step(node, key) if node else None
    return _model(found, node)


def _model(annotation: Any, node: Node | None) -> type[BaseModel] | None:
    """Return the model of a type's values; None for a list or a mapping of any keys."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, dict):
        return None
    choice = next((part for part in get_args(annotation) if isinstance(part, ByType)), None)
    if choice:
        kind = step(node, choice.key) if node else None
        return choice.model(kind.value if isinstance(kind, Scalar) else choice.default if not kind else None)
    return next((found for part in get_args(annotation) if (found := _model(part, node))), None)


def _item(annotation: Any) -> Any:
    """Return the type of a list's items, or of a mapping's values."""
    if get_origin(annotation) in (list, dict):
        return get_args(annotation)[-1]
    return next((found for part in get_args(annotation) if (found := _item(part))), None)
