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
from clusterlb.config.item import Item
from clusterlb.config.nodes import Mapping, Node, Path, Scalar, find, step

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
_SWITCHES = frozenset(("on", "off", "yes", "no", "y", "n"))
_LONGEST = 60  # characters of a value that are repeated in a problem


def word(error: ErrorDetails, model: type[BaseModel], item: Item) -> tuple[str, str]:
    """Return the text and the hint of one error that ``model`` found in an item."""
    path, kind = error["loc"], error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    found = find(item.node, path)
    label = _label(path) if path else f"`{clip(item.name)}`"
    if kind == "missing":
        return f"{label} is missing", _description(model, path, item.node)
    if kind == "extra_forbidden":
        return f"unknown key {label}", _nearest_key(str(path[-1]), _model_at(model, path[:-1], item.node))
    if kind in _WANTED and _secret(path):
        return f"{label} needs {_WANTED[kind]}", "put it in quotes"
    if kind in _WANTED:
        wanted = _WANTED[kind]
        return f"{label} needs {wanted}, but is {describe(found)}", _type_hint(wanted, path, found)
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
        return text, context["hint"]
    return f"{label}: {error['msg']}", ""


def one_of(value: str, choices: Iterable[str]) -> str:
    """Return a hint that names the nearest choice, or all of them."""
    known = list(choices)
    close = difflib.get_close_matches(value[:_LONGEST], known, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return "one of: " + ", ".join(known) if len(known) > 1 else f"only `{known[0]}` is possible here"


def clip(text: str) -> str:
    """Shorten what an operator wrote, to repeat it in a problem."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _secret(path: Path) -> bool:
    """Say whether what a path leads to is not to be repeated: an OSPF key, a header such as Authorization."""
    return path[-1:] == ("md5_key",) or path[-2:-1] == ("headers",)


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
    return "null" if node.value is None else clip(str(node.value))


def describe(node: Node | None) -> str:
    """Say what a value is, and which."""
    if not isinstance(node, Scalar):
        return _shown(node)
    if node.value is None:
        return "empty (null)"
    names = {bool: "the boolean", int: "the number", float: "the number", str: "the text"}
    return f"{names[type(node.value)]} `{_shown(node)}`"


def _type_hint(wanted: str, path: Path, node: Node | None) -> str:
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(node, Scalar) and value is None:
        if not path:
            return "write its settings below the name, indented, or remove it"
        return "write the value behind the colon, or remove the key to get the default"
    if path[-1:] == ("bfd",):
        return "write `bfd: {interval: 50ms, multiplier: 3}`, or `bfd: null` to run without BFD"
    if path[-1:] == ("check",) and isinstance(value, str) and ":" not in value:
        return f"write `check: {{type: {clip(value)}}}`"
    if wanted == "text":
        return f'put it in quotes: "{_shown(node)}"' if isinstance(node, Scalar) else "write a single word"
    if wanted == "a list":
        return (
            f"write it as a list: [{_shown(node)}]"
            if isinstance(node, Scalar)
            else "begin each item with `- `"
        )
    if wanted == "a mapping":
        if isinstance(value, str) and ":" in value:
            return "put a space behind the colon"
        return "write `key: value` pairs, indented below the key or in braces"
    if wanted == "true or false":
        return "YAML 1.2 knows no other words for them"
    return _number_hint(value)


def _number_hint(value: object) -> str:
    if isinstance(value, float):
        return "write it without a fraction"
    if not isinstance(value, str):
        return "write digits alone"
    if value.isdecimal():
        return f"remove the quotes: {clip(value)}"
    if re.fullmatch(r"[0-9][0-9_]*", value):
        return f"YAML 1.2 has no underscores in numbers: write {clip(value.replace('_', ''))}"
    if re.fullmatch(r"[0-9]+(:[0-9]+)+", value):
        return "colons make it text here (and a base-60 number in YAML 1.1): write one whole number"
    if value.lower() in _SWITCHES:
        return f"`{value}` is text in YAML 1.2, and neither a number nor a boolean: write digits alone"
    return "write digits alone, without a unit"


def _nearest_key(key: str, holder: type[BaseModel] | None) -> str:
    if key == "<<":
        return "YAML 1.2 has no merge keys: write the keys out, or use an alias for the whole value"
    return one_of(key, _keys(holder)) if holder else ""


def _description(model: type[BaseModel], path: Path, node: Node) -> str:
    holder = _model_at(model, path[:-1], node)
    info = _keys(holder).get(str(path[-1])) if holder and path else None
    return info.description or "" if info else ""


def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the keys that a file has: some are no names in Python, such as `for`."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _model_at(model: type[BaseModel], path: Path, node: Node | None) -> type[BaseModel] | None:
    """Return the model that a path leads to; ``node`` is what ``model`` describes."""
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
