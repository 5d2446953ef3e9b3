"""An inventory file as a tree of values; each value has its line and column."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clusterlb.config.scalars import Value
from clusterlb.config.source import Position

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Scalar:
    """A single value."""

    value: Value
    line: int
    column: int


@dataclass(slots=True)
class Sequence:
    """A list. ``doubtful``: an invalid item was removed from it."""

    items: list[Node]
    line: int
    column: int
    doubtful: bool = False


class Entry(NamedTuple):
    """The value of a key, and the line and column of the key."""

    line: int
    column: int
    node: Node


@dataclass(slots=True)
class Mapping:
    """Keys as they are written, and their values. ``removed``: keys whose values were invalid."""

    line: int
    column: int
    entries: dict[str, Entry] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """Return the values without their places, as dicts, lists and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(entry.node) for key, entry in node.entries.items()}


def step(node: Node, key: str | int) -> Node | None:
    """Return the value of a mapping's key, or of a list's index; None where it is missing."""
    if isinstance(node, Mapping) and isinstance(key, str) and key in node.entries:
        return node.entries[key].node
    if isinstance(node, Sequence) and isinstance(key, int) and key < len(node.items):
        return node.items[key]
    return None


def find(node: Node, path: Path) -> Node | None:
    """Return the value at a path; None where it is missing."""
    found: Node | None = node
    for key in path:
        if found is None:
            return None
        found = step(found, key)
    return found


def place_of_value(node: Node, path: Path, start: Position) -> Position:
    """Return the place of a value; where the value is missing, the place of the innermost key above it."""
    found = find(node, path)
    return (
        place_of_key(node, path, start) if found is None else Position(start.source, found.line, found.column)
    )


def place_of_key(node: Node, path: Path, start: Position) -> Position:
    """Return the place of the last key of a path; the item of a list counts as its own key.

    Where a part of the path is missing, return the place of the innermost key that exists, or else ``start``.
    """
    place = start
    for key in path:
        following = step(node, key)
        if following is None:
            break
        if isinstance(node, Mapping) and isinstance(key, str):
            place = Position(start.source, node.entries[key].line, node.entries[key].column)
        else:
            place = Position(start.source, following.line, following.column)
        node = following
    return place


def known(node: Node, *keys: str) -> bool:
    """Say whether the values of these keys are what the operator meant: valid as written, or left out.

    False for a missing key if its value, or a key with a similar spelling, was removed as invalid.
    """
    return isinstance(node, Mapping) and all(
        key in node.entries or not node.removed or not difflib.get_close_matches(key, node.removed, n=1)
        for key in keys
    )


def without(node: Node, paths: Iterable[Path]) -> Node | None:
    """Return a copy without the values at these paths; None if nothing is left."""
    below: dict[str | int, list[Path]] = {}
    for path in paths:
        if not path:
            return None
        below.setdefault(path[0], []).append(path[1:])
    if isinstance(node, Mapping):
        kept = Mapping(node.line, node.column)
        for key, entry in node.entries.items():
            value = without(entry.node, below[key]) if key in below else entry.node
            if value is not None:
                kept.entries[key] = entry._replace(node=value)
        kept.removed = node.removed | (node.entries.keys() - kept.entries.keys())
        return kept
    if isinstance(node, Sequence):
        items = (without(item, below[i]) if i in below else item for i, item in enumerate(node.items))
        good = [item for item in items if item is not None]
        return Sequence(good, node.line, node.column, node.doubtful or len(good) < len(node.items))
    return None
