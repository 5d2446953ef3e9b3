"""The text of one inventory file, and places in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

_SECRET = re.compile(
    r"""(?i)(?:(?<=md5_key)|(?<=authorization)|(?<=cookie))(["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^,}\r\n]+)"""
)


class Place(NamedTuple):
    """A line and column of one file, both from 1; both 0 where there is no place."""

    line: int
    column: int


NOWHERE = Place(0, 0)


class RefusedError(Exception):
    """A file, or the rest of it, cannot be used at all: the text, a hint, and where."""

    def __init__(self, text: str, hint: str = "", place: Place = NOWHERE) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint
        self.place = place


@dataclass(frozen=True)
class Source:
    """One file: its name as problems show it, its text, and the size and SHA-256 of its bytes."""

    name: str
    text: str = field(default="", repr=False)
    size: int = 0
    digest: bytes = b""

    @property
    def _break(self) -> str:
        """What ends a line for editors, grep and git. libyaml counts U+0085, U+2028 and U+2029, too."""
        return "\n" if "\n" in self.text or "\r" not in self.text else "\r"

    @cached_property
    def _lines(self) -> list[str]:
        return [line.removesuffix("\r") for line in _SECRET.sub(_masked, self.text).split(self._break)]

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(self._break, self.text))]

    def line(self, number: int) -> str:
        """Return a line (from 1) without its break, any secret in it masked; empty where there is none."""
        if not 0 < number <= len(self._lines):
            return ""
        return self._lines[number - 1]

    def place(self, index: int) -> Place:
        """Return the place of a character of the text."""
        line = bisect_right(self._starts, index)
        return Place(line, index - self._starts[line - 1] + 1)


def _masked(match: re.Match[str]) -> str:
    """Hide a value; every line and column stays."""
    return match[1] + re.sub(r"\S", "*", match[2])
