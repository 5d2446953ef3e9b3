"""Hints for values of the wrong type; a proposed value is tried first, so that it is not refused again."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from clusterlb.config.item import Item
from clusterlb.config.nodes import Mapping, Node, Path, Scalar, step
from clusterlb.config.scalars import resolve

LONGEST = 60  # characters of a value in a message
MOST_DIGITS = 100  # scalars.py reads longer numbers as text

Trial = Callable[[Any], str | None]
"""Tries a value in a field: returns None when the field accepts the value, or else the field's hint."""

_SWITCHES = frozenset(("on", "off", "yes", "no", "y", "n"))
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")
_ENDPOINT = re.compile(r"\[?([0-9A-Fa-f.:]+?)\]?:([0-9]{1,5})")


def clip(text: str) -> str:
    """Shorten a value for a message."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def odd_character(text: str) -> str:
    """Return a hint about the first unusual space or invisible character of a text; empty without one."""
    for character in text:
        named = f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
        if character not in " \t\r\n" and character.isspace():
            return f"write an ordinary space for {named}, or remove it"
        if unicodedata.category(character) == "Cf":
            return f"remove {named}, which is invisible"
    return ""


def trial(model: type[BaseModel], item: Item, path: Path) -> Trial:
    """Return a function that validates another value for the one at a path.

    Only the values on the path are validated: an item may have thousands of invalid members.
    """
    short = tuple(0 if isinstance(key, int) else key for key in path)

    def attempt(value: Any) -> str | None:
        try:
            model.model_validate(_with(item.node, path, value))
        except ValidationError as failure:
            for error in failure.errors(include_url=False, include_input=False):
                if error["loc"][: len(short)] == short:
                    return str(error.get("ctx", {}).get("hint", ""))
        return None

    return attempt


def _with(node: Node | None, path: Path, value: Any) -> Any:
    """Return the collections on a path with a new value: scalars beside each key, and one item of lists."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    below = _with(None if node is None else step(node, key), rest, value)
    if isinstance(key, int):
        return [below]
    entries = node.entries if isinstance(node, Mapping) else {}
    beside = {name: entry.node.value for name, entry in entries.items() if isinstance(entry.node, Scalar)}
    return {**beside, key: below}


def type_hint(
    wanted: str, item: Item, path: Path, node: Node | None, keys: Iterable[str], tried: Trial
) -> str:
    """Return the hint for a field that needs ``wanted``; ``keys``: those of the mapping, if it is one."""
    value = node.value if isinstance(node, Scalar) else None
    if isinstance(node, Scalar) and value is None:
        if not path:
            return "write its settings below the name, indented, or remove it"
        return "write the value behind the colon, or remove the key to get the default"
    if isinstance(value, str) and (odd := odd_character(value)):
        return odd
    if path[-1:] == ("bfd",):
        return "write `bfd: {interval: 50ms, multiplier: 3}`, or `bfd: null` to run without BFD"
    if path[-1:] == ("check",) and isinstance(value, str) and tried({"type": value}) is None:
        return f"write `check: {{type: {clip(value)}}}`"
    if wanted == "text":
        return _text_hint(item, node, tried)
    if wanted == "a list":
        return _list_hint(path, node, tried) if isinstance(node, Scalar) else "begin each item with `- `"
    if wanted == "a mapping":
        return _mapping_hint(value, frozenset(keys), tried)
    if wanted == "true or false":
        return "YAML 1.2 knows no other words for them"
    return _number_hint(value, tried)


def _text_hint(item: Item, node: Node | None, tried: Trial) -> str:
    if not isinstance(node, Scalar):
        return "write a single word"
    written = _written(item, node)
    return (f'put it in quotes: "{clip(written)}"') if (why := tried(written)) is None else why


def _written(item: Item, node: Scalar) -> str:
    """Return a number or a boolean as the file has it: `0x10` and `1.50`, not 16 and 1.5."""
    match = re.match(r"[^\s,{}\[\]]+", item.place.source.unmasked_line(node.line)[node.column - 1 :])
    shown = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
    return match[0] if match else shown


def _list_hint(path: Path, node: Scalar, tried: Trial) -> str:
    value = node.value
    words = _words(path, value) if isinstance(value, str) else []
    if tried([{"type": value}]) is None:
        return f"write it as a list: [{{type: {value}}}]"
    for candidate in ([words] if len(words) > 1 else []) + [[value]]:
        if tried(candidate) is None:
            return f"write it as a list: [{', '.join(map(_item, candidate))}]"
    return tried([value]) or "write it as a list, each item in its own form"


def _words(path: Path, value: str) -> list[str]:
    """Split a text that looks like several words; a command as a shell would."""
    if path[-1:] != ("argv",):
        return re.split(r"[,\s]+", value.strip(" ,"))
    try:
        return shlex.split(value)
    except ValueError:  # a quote that is not closed
        return value.split()


def _item(value: object) -> str:
    if not isinstance(value, str) or (_PLAIN.fullmatch(value) and resolve(value) == value):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _mapping_hint(value: object, keys: frozenset[str], tried: Trial) -> str:
    if isinstance(value, str) and {"address", "port"} <= keys:
        match = _ENDPOINT.fullmatch(value)
        address, port = (match[1], int(match[2])) if match else (value, 80)
        if tried({"address": address, "port": port}) is None:
            shown = address if ":" not in address else f'"{address}"'
            return f"write it as {{address: {shown}, port: {port}}}"
    if isinstance(value, str) and value.partition(":")[0] in keys and ":" in value:
        return "put a space behind the colon"
    return "write `key: value` pairs, indented below the key or in braces"


def _number_hint(value: object, tried: Trial) -> str:
    if isinstance(value, float):
        return "write it without a fraction"
    if not isinstance(value, str):
        return "write digits alone"
    if re.fullmatch(r"[-+]?[0-9]+", value):
        if len(value) > MOST_DIGITS:
            return f"write a smaller number: no field takes one of {len(value)} digits"
        return f"remove the quotes: {clip(value)}" if (why := tried(int(value))) is None else why
    if re.fullmatch(r"[0-9][0-9_]*", value):
        return f"YAML 1.2 has no underscores in numbers: write {clip(value.replace('_', ''))}"
    if re.fullmatch(r"[0-9]+(:[0-9]+)+", value):
        return "colons make it text here (and a base-60 number in YAML 1.1): write one whole number"
    if value.lower() in _SWITCHES:
        return f"`{value}` is text in YAML 1.2, and neither a number nor a boolean: write digits alone"
    return "write the digits 0 to 9 alone, without a unit"
