"""An inventory file as a tree of values that know their places."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clusterlb.config.scalars import Value
from clusterlb.config.source import Place

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Scalar:
    """A single value."""

    value: Value
    line: int
    column: int


@dataclass(slots=True)
class Sequence:
    """A list. ``doubtful``: an item that was no good has been taken out."""

    items: list[Node]
    line: int
    column: int
    doubtful: bool = False


class Entry(NamedTuple):
    """The value of a key, and the key's place."""

    line: int
    column: int
    node: Node


@dataclass(slots=True)
class Mapping:
    """Keys as they are written, and their values. ``removed``: keys that were taken out as no good."""

    line: int
    column: int
    entries: dict[str, Entry] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """Return the values alone, as dicts, lists and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(entry.node) for key, entry in node.entries.items()}


def step(node: Node, key: str | int) -> Node | None:
    """Return what a mapping holds under a key, or a list at an index."""
    if isinstance(node, Mapping) and isinstance(key, str) and key in node.entries:
        return node.entries[key].node
    if isinstance(node, Sequence) and isinstance(key, int) and key < len(node.items):
        return node.items[key]
    return None


def find(node: Node, path: Path) -> Node | None:
    """Return what a path leads to."""
    found: Node | None = node
    for key in path:
        if found is None:
            return None
        found = step(found, key)
    return found


def place_of_value(node: Node, path: Path, start: Place) -> Place:
    """Return the place of a value; where there is none, that of the innermost key that holds it."""
    found = find(node, path)
    return place_of_key(node, path, start) if found is None else Place(found.line, found.column)


def place_of_key(node: Node, path: Path, start: Place) -> Place:
    """Return the place of the last key of a path; a list's item is its own key.

    Where the path ends early, it is the innermost key that exists, at worst ``start``.
    """
    place = start
    for key in path:
        following = step(node, key)
        if following is None:
            break
        if isinstance(node, Mapping) and isinstance(key, str):
            place = Place(node.entries[key].line, node.entries[key].column)
        else:
            place = Place(following.line, following.column)
        node = following
    return place


def known(node: Node, *keys: str) -> bool:
    """Say whether keys of a mapping have the values that the operator meant: written and good, or left out.

    A key that is missing where its own value, or a key spelt much like it, was taken out is not known.
    """
    return isinstance(node, Mapping) and all(
        key in node.entries or not node.removed or not difflib.get_close_matches(key, node.removed, n=1)
        for key in keys
    )


def without(node: Node, paths: Iterable[Path]) -> Node | None:
    """Return a copy without what the paths lead to, that remembers what it lacks; None if nothing stays."""
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
