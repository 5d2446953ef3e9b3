"""The text of one inventory file, and places in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from clusterlb.config.secret import mask


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
        return [line.removesuffix("\r") for line in mask(self.text).split(self._break)]

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(self._break, self.text))]

    def line(self, number: int) -> str:
        """Return a line (from 1) without its break, any secret in it masked; empty where there is none."""
        if not 0 < number <= len(self._lines):
            return ""
        return self._lines[number - 1]

    def written(self, number: int) -> str:
        """Return a line as it is, to be read and not to be shown."""
        begin = self._starts[number - 1]
        return self.text[begin:].split(self._break, 1)[0].removesuffix("\r")

    def place(self, index: int) -> Place:
        """Return the place of a character of the text."""
        line = bisect_right(self._starts, index)
        return Place(line, index - self._starts[line - 1] + 1)
