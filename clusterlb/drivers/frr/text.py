"""FRR's configuration text and its lines: ``frr.conf`` and ``show running-config``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from clusterlb.drivers.frr.contexts import is_setting, opens_context, stays_in
from clusterlb.model.state import FrrLine

_PREAMBLE = ("Building configuration...", "Current configuration:")
_ROUTER = re.compile(r"vrrp \d+ version 3")
_EXITS = {"vrf ": "exit-vrf", "address-family ": "exit-address-family"}


class Kind(Enum):
    """How FRR's parser treats a raw line."""

    LINE = auto()
    HEADER = auto()
    EXIT = auto()
    END = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One raw line of the text.

    ``context`` is the context of the line: of an EXIT the context that it closes, of a HEADER the outer one.
    """

    raw: str
    kind: Kind
    context: tuple[str, ...]
    text: str = ""  # the line with abbreviations spelt out, if it has any

    @property
    def line(self) -> FrrLine:
        """Return the configuration line without its indentation."""
        return FrrLine(self.context, self.text or self.raw.strip())

    @property
    def path(self) -> tuple[str, ...]:
        """Return the context that a HEADER opens."""
        return (*self.context, self.text or self.raw.strip())


@dataclass(slots=True)
class _Open:
    header: str
    indent: int
    body_indent: int | None = None


@dataclass(slots=True)
class _Scanner:
    """The open contexts by indentation and known headers; FRR itself goes by what parses."""

    stack: list[_Open] = field(default_factory=list)
    bang: bool = False

    def context(self) -> tuple[str, ...]:
        return tuple(level.header for level in self.stack)

    def settle(self, indent: int, text: str) -> None:
        """Close the contexts that a line with this indentation does not belong to.

        A header closes no context that it may stand in: FRR ignores indentation and ``!``.
        """
        depth = self._depth_in(indent, text)
        if depth is not None:
            del self.stack[depth:]
        while depth is None and self.stack and self._closes(self.stack[-1], indent, text):
            self.stack.pop()
        self.bang = False
        if self.stack and self.stack[-1].body_indent is None:
            self.stack[-1].body_indent = indent

    def _depth_in(self, indent: int, text: str) -> int | None:
        context = self.context()
        if not context or indent > self.stack[-1].indent:
            return None
        levels = range(len(context), 0, -1)
        return next((depth for depth in levels if stays_in(context[:depth], text)), None)

    def _closes(self, top: _Open, indent: int, text: str) -> bool:
        if indent > top.indent:
            return False
        if self.bang or (top.body_indent is not None and top.body_indent > top.indent):
            return True
        return opens_context((), text) and not opens_context(self.context(), text)


def scan(text: str) -> list[ConfigEntry]:
    """Split a configuration into its raw lines, each with its kind and context."""
    entries: list[ConfigEntry] = []
    scanner = _Scanner()
    rows = [row for row in rows_of(text) if row.strip() not in _PREAMBLE]
    final = final_end(rows)
    for number, row in enumerate(rows):
        stripped = row.strip()
        indent = len(row) - len(row.lstrip())
        if not stripped or stripped[0] in "!#":
            scanner.bang = scanner.bang or indent == 0
            entries.append(ConfigEntry(row, Kind.NOTHING, scanner.context()))
        elif stripped == "end":
            kind = Kind.END if number == final else Kind.NOTHING
            entries.append(ConfigEntry(row, kind, scanner.context()))
        elif stripped == "exit" or stripped.startswith("exit-"):
            entries.append(ConfigEntry(row, Kind.EXIT, scanner.context()))
            if scanner.stack:
                scanner.stack.pop()
        else:
            scanner.settle(indent, stripped)
            context = scanner.context()
            header = not is_setting(context, stripped) and (
                opens_context(context, stripped) or _deeper_follows(rows[number + 1 :], indent)
            )
            entries.append(
                ConfigEntry(row, Kind.HEADER if header else Kind.LINE, context, _one_spelling(stripped))
            )
            if header:
                scanner.stack.append(_Open(stripped, indent))
    return entries


def _one_spelling(text: str) -> str:
    """Return the common form of a line that FRR's versions print in two forms; empty for other lines.

    ``vrrp 10`` of FRR 8.4 to 10.3 is ``vrrp 10 version 3`` in 10.7: 3 is the default (vrrpd/vrrp_vty.c).
    """
    router, version, _ = text.partition(" version 3")
    return router if version and _ROUTER.fullmatch(text) else ""


def final_end(rows: Sequence[str]) -> int | None:
    """Return the index of the ``end`` after all other lines, or None; FRR ignores an earlier ``end``."""
    said = (number for number in reversed(range(len(rows))) if rows[number].strip(" \t\r!#"))
    number = next(said, None)
    return number if number is not None and rows[number].strip() == "end" else None


def rows_of(text: str) -> list[str]:
    """Split a text at its newlines only; ``str.splitlines`` also splits at other characters."""
    rows = text.split("\n")
    return rows if rows[-1] else rows[:-1]


def _deeper_follows(rows: Sequence[str], indent: int) -> bool:
    for row in rows:
        stripped = row.strip()
        if stripped and stripped[0] not in "!#":
            return len(row) - len(row.lstrip()) > indent and not stripped.startswith("exit")
    return False


def lines_of(entries: Iterable[ConfigEntry]) -> tuple[FrrLine, ...]:
    """Return the configuration lines among the entries, each once, in order."""
    return tuple(dict.fromkeys(e.line for e in entries if e.kind in {Kind.LINE, Kind.HEADER}))


def text_of(entries: Iterable[ConfigEntry]) -> str:
    """Return the raw lines as one text."""
    return "".join(f"{entry.raw}\n" for entry in entries)


def parse(text: str) -> tuple[FrrLine, ...]:
    """Return the configuration lines of ``frr.conf`` or of ``show running-config``, each once, in order.

    A context's header is a line of the outer context, so an empty context is a line too.
    """
    return lines_of(scan(text))


def serialise(lines: Iterable[FrrLine]) -> str:
    """Write lines as FRR does: each context once, at its first line, indented and closed."""
    return "".join(f"{row}\n" for row in _rows(_grouped(lines), ()))


def without_empty_interfaces(lines: Sequence[FrrLine]) -> tuple[FrrLine, ...]:
    """Leave out interfaces without lines: FRR forgets them, so they are no difference."""
    inhabited = {line.context[:1] for line in lines}
    return tuple(
        line
        for line in lines
        if line.context or not line.text.startswith("interface ") or (line.text,) in inhabited
    )


def exit_of(header: str) -> str:
    """Return the line that closes a context."""
    return next((text for keyword, text in _EXITS.items() if header.startswith(keyword)), "exit")


def _grouped(lines: Iterable[FrrLine]) -> dict[tuple[str, ...], dict[str, None]]:
    """Return the texts of each context, headers among them, without repeats."""
    contexts: dict[tuple[str, ...], dict[str, None]] = {}
    for line in lines:
        for depth, header in enumerate(line.context):
            contexts.setdefault(line.context[:depth], {}).setdefault(header)
        contexts.setdefault(line.context, {}).setdefault(line.text)
    return contexts


def _rows(contexts: dict[tuple[str, ...], dict[str, None]], context: tuple[str, ...]) -> Iterator[str]:
    indent = " " * len(context)
    for text in contexts.get(context, {}):
        yield indent + text
        path = (*context, text)
        if path in contexts or opens_context(context, text):
            yield from _rows(contexts, path)
            yield indent + exit_of(text)
            if not context:
                yield "!"


def left_open(entries: Sequence[ConfigEntry]) -> tuple[str, ...]:
    """Return the context that is open after these entries."""
    for entry in reversed(entries):
        if entry.kind is Kind.HEADER:
            return entry.path
        if entry.kind is Kind.EXIT:
            return entry.context[:-1]
        if entry.kind is Kind.LINE:
            return entry.context
    return ()
