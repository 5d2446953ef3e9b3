"""The text of one inventory file, and places in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from clusterlb.config.secret import mask


class Position(NamedTuple):
    """A line and a column of a file, both from 1. Both are 0 where a problem concerns the whole file."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class UnusableFileError(Exception):
    """A file, or the rest of it, cannot be used: the text, a hint, and the place; None is the whole file."""

    def __init__(self, text: str, hint: str = "", place: Position | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
        self.place = place


@dataclass(frozen=True)
class Source:
    """One file: its name as problems show it, its text, and the size and the SHA-256 of its bytes."""

    name: str
    text: str = field(default="", repr=False)
    size: int = 0
    digest: bytes = b""

    @property
    def _break(self) -> str:
        """What ends a line for editors, grep and git; libyaml also counts U+0085, U+2028 and U+2029."""
        return "\n" if "\n" in self.text or "\r" not in self.text else "\r"

    @cached_property
    def _lines(self) -> list[str]:
        return [line.removesuffix("\r") for line in mask(self.text).split(self._break)]

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(self._break, self.text))]

    def line(self, number: int) -> str:
        """Return a line (from 1) with its secrets masked; empty for a number out of range."""
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    @property
    def as_place(self) -> Position:
        """Return the place of a problem that concerns the whole file."""
        return Position(self, 0, 0)

    def unmasked_line(self, number: int) -> str:
        """Return a line with its secrets in it: for parsing only, never for a message."""
        begin = self._starts[number - 1]
        return self.text[begin:].split(self._break, 1)[0].removesuffix("\r")

    def place(self, index: int) -> Position:
        """Return the place of a character of the text."""
        line = bisect_right(self._starts, index)
        return Position(self, line, index - self._starts[line - 1] + 1)
