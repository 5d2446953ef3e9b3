"""YAML text -> a tree of nodes.

The tree is built from libyaml's events one by one, so nesting, size and aliases are bounded before anything
recurses, and no object of PyYAML outlives its event.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from clusterlb.config import scalars
from clusterlb.config.nodes import Entry, Mapping, Node, Scalar, Sequence
from clusterlb.config.report import Report
from clusterlb.config.secret import hidden
from clusterlb.config.source import Position, Source, UnusableFileError
from clusterlb.config.syntax import syntax

DEEPEST = 32  # nested collections; an inventory needs 8
MOST_NODES = 1_000_000  # values, as if every alias were written out; 1,000 services x 10 need 80,000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
# everything that YAML does not call printable (YAML 1.2, 5.1)
_FORBIDDEN = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def compose(source: Source, report: Report, *, alone: bool = True) -> Node | None:
    """Return the tree of a file's document; None, with problems in the report, for an unusable file.

    One of several files (not ``alone``) may hold only comments. An empty file is an error, as another program
    may be about to write it.
    """
    try:
        _check_characters(source)
        return _Composer(source, report).compose() or _nothing(source, report, alone=alone)
    except UnusableFileError as error:
        report.unusable(source, error)
    except yaml.MarkedYAMLError as error:
        report.unusable(source, syntax(source, error))
    except yaml.YAMLError as error:
        report.error(source.as_place, f"not YAML: {error}")
    return None


def _nothing(source: Source, report: Report, *, alone: bool) -> Node:
    if alone or not source.size:
        raise UnusableFileError(
            "is empty", "an inventory has the sections cluster, directors, pools and vips"
        )
    report.warning(source.as_place, "holds no section", "remove the file, or write a section into it")
    return Mapping(1, 1)


class _Anchored(NamedTuple):
    """The node that an alias stands for, its number of nodes, and its depth."""

    node: Node
    size: int
    height: int


@dataclass(slots=True)
class _Open:
    """A collection without its end yet. ``key``: in a mapping, the key without its value yet."""

    node: Mapping | Sequence
    anchor: str | None
    size: int = 1
    height: int = 1
    key: str | None = None
    key_place: Position | None = None
    repeated: bool = False


class _Composer:
    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._root: Node | None = None
        self._size = 0

    def compose(self) -> Node | None:
        """Return the document's tree; None for an empty document."""
        documents = 0
        for event in yaml.parse(self._source.text, Loader=_LOADER):
            if isinstance(event, NodeEvent):
                self._node(event)
            elif isinstance(event, CollectionEndEvent):
                opened = self._stack.pop()
                self._finish(_Anchored(opened.node, opened.size, opened.height), opened.anchor)
            elif isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._report.error(
                        self._place(event),
                        "a second document begins here",
                        "write one document a file: remove `---`, or use a folder of files",
                    )
                    break
        nothing = isinstance(self._root, Scalar) and self._root.value is None
        return None if nothing else self._root

    def _place(self, event: Event) -> Position:
        mark = event.start_mark
        return self._source.as_place if mark is None else self._source.place(mark.index)

    def _node(self, event: NodeEvent) -> None:
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.node, Mapping) and top.key is None:
            self._key(top, event)
        elif isinstance(event, ScalarEvent):
            self._count(1, 0, event)
            place = self._place(event)
            scalar = Scalar(self._value(event), place.line, place.column)
            self._finish(_Anchored(scalar, 1, 0), event.anchor)
        elif isinstance(event, AliasEvent):
            anchored = self._alias(event)
            self._count(anchored.size, anchored.height, event)
            self._finish(anchored, None)
        else:
            self._count(1, 1, event)
            self._check_tag(event)
            place = self._place(event)
            opened = (
                Mapping(place.line, place.column)
                if isinstance(event, MappingStartEvent)
                else Sequence([], place.line, place.column)
            )
            self._stack.append(_Open(opened, event.anchor))

    def _secret(self) -> bool:
        """Say whether the current event is in the value of a secret key."""
        keys = [(opened.key or "", level) for level, opened in enumerate(self._stack)]
        above = keys[0][0] if keys else ""
        return any(hidden(key, level, above) for key, level in keys if key)

    def _key(self, top: _Open, event: NodeEvent) -> None:
        place = self._place(event)
        if not isinstance(event, ScalarEvent):
            raise UnusableFileError(
                "a key must be a single word",
                "quote a value that begins with `{`, `[`, `*` or `&`; templates must be rendered before",
                place,
            )
        assert isinstance(top.node, Mapping)  # noqa: S101 - the caller looked
        top.key = sys.intern(event.value)
        top.key_place = place
        first = top.node.entries.get(top.key)
        top.repeated = first is not None
        if first is not None:
            earlier = Position(self._source, first.line, first.column)
            hint = f"first written at {earlier}; keep one of them"
            self._report.error(place, f"duplicate key `{top.key}`", hint)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(Scalar(event.value, place.line, place.column), 1, 0)

    def _finish(self, done: _Anchored, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = done
        if not self._stack:
            self._root = done.node
            return
        top = self._stack[-1]
        top.size += done.size
        top.height = max(top.height, done.height + 1)
        if isinstance(top.node, Sequence):
            top.node.items.append(done.node)
            return
        if not top.repeated and top.key is not None and top.key_place is not None:
            top.node.entries[top.key] = Entry(top.key_place.line, top.key_place.column, done.node)
        top.key = None

    def _count(self, size: int, height: int, event: NodeEvent) -> None:
        self._size += size
        if self._size > MOST_NODES:
            self._bomb(event)
        if len(self._stack) + height > DEEPEST:
            raise UnusableFileError(
                f"nested deeper than {DEEPEST} levels",
                "an inventory needs 8; look for brackets that were not closed",
                self._place(event),
            )

    def _bomb(self, event: NodeEvent) -> NoReturn:
        if isinstance(event, AliasEvent):
            raise UnusableFileError(
                f"the aliases expand to more than {MOST_NODES:,} values",
                "write the values out; aliases of aliases grow without bound",
                self._place(event),
            )
        raise UnusableFileError(
            f"has more than {MOST_NODES:,} values", "is this an inventory?", self._place(event)
        )

    def _alias(self, event: AliasEvent) -> _Anchored:
        name = event.anchor
        shown = "..." if self._secret() else name
        if any(opened.anchor == name for opened in self._stack):
            raise UnusableFileError(
                f"alias `*{shown}` refers to what contains it", "write the value out", self._place(event)
            )
        if name not in self._anchors:
            raise UnusableFileError(
                f"alias `*{shown}` has no anchor",
                f"write `&{shown}` before the value that it stands for, earlier in the same file; "
                "quote a text that begins with `*`",
                self._place(event),
            )
        return self._anchors[name]

    def _value(self, event: ScalarEvent) -> scalars.Value:
        text: str = event.value
        if event.tag is None:
            return scalars.resolve(text) if event.implicit[0] else text
        if event.tag == "!":
            return text
        tag = event.tag.removeprefix(_CORE)
        if tag not in ("str", "int", "float", "bool", "null"):
            self._unknown_tag(event, event.tag)
            return text
        try:
            return scalars.tagged(text, tag)
        except ValueError as error:
            why = f"the value is not of type !!{tag}" if self._secret() else str(error)
            self._report.error(self._place(event), why, "remove the tag")
            return text

    def _check_tag(self, event: NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        wanted = "map" if isinstance(event, MappingStartEvent) else "seq"
        if tag not in (None, "!", _CORE + wanted):
            self._unknown_tag(event, str(tag))

    def _unknown_tag(self, event: NodeEvent, tag: str) -> None:
        shown = "!..." if self._secret() else tag.replace(_CORE, "!!")
        self._report.error(self._place(event), f"unknown tag `{shown}`", "remove it")


def _check_characters(source: Source) -> None:
    if found := _FORBIDDEN.search(source.text):
        raise UnusableFileError(
            f"control character U+{ord(found[0]):04X}",
            "remove it; YAML allows none but tab and line feed",
            source.place(found.start()),
        )
