"""Junos's statements, with braces or as ``display set`` prints them: groups applied, inactive ones marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|#.*|\[[^\]]*\]|[{};]|[^\s{};]+')
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_TOPS = {
    "version",
    "system",
    "interfaces",
    "routing-options",
    "policy-options",
    "routing-instances",
    "groups",
}
_TAGS = ("inactive:", "protect:", "replace:")


class Statement(NamedTuple):
    """One statement: its line, its words after ``set``, and the line that deactivates it (0: none)."""

    line: int
    text: str
    off: int = 0


class Statements(NamedTuple):
    """A configuration's statements, the deactivated paths, and the lines that come from groups."""

    every: list[Statement]
    inactive: list[tuple[int, str]]
    borrowed: frozenset[int] = frozenset()

    def in_force(self) -> list[tuple[int, str]]:
        """Return the statements that are in force, each with its line."""
        return [(line, text) for line, text, off in self.every if not off]


def read_statements(text: str) -> Statements:
    """Read a configuration in either style, or in both.

    The statements of applied groups come first, because other statements override them; groups are applied
    wherever they are named, and wildcards match existing statements (Junos CLI guide, "groups").
    """
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    written: list[tuple[int, str]] = []
    inactive: list[tuple[int, str]] = []
    for line, verb, words in _lines(bare):
        if verb == "deactivate":
            inactive.append((line, words))
        elif verb == "activate":
            inactive = [(n, path) for n, path in inactive if path != words]
        elif verb == "delete":
            written = [(n, row) for n, row in written if not under(row, words)]
        else:
            written.append((line, words))
    written = _rooted(written)
    own = [row for row in written if not row[1].startswith("groups ")]
    borrowed = _from_groups(written, own)
    rows = [*borrowed, *own]
    every = [
        Statement(line, row, next((n for n, path in inactive if under(row, path)), 0)) for line, row in rows
    ]
    return Statements(every, inactive, frozenset(line for line, _ in borrowed))


def _rooted(written: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Complete the paths of statements if only a part was shown: ``show configuration protocols ospf``."""
    roots = {row.split()[0] for _, row in written}
    if "protocols" in roots:
        return written
    if "ospf" in roots:
        return [(line, f"protocols {row}" if row.startswith("ospf ") else row) for line, row in written]
    if not any(re.match(r"area \S+ interface ", row) for _, row in written):
        return written
    return [(n, row if row.split()[0] in _TOPS else f"protocols ospf {row}") for n, row in written]


def under(text: str, path: str) -> bool:
    """Say whether a statement is at a path or below it."""
    return text == path or text.startswith(f"{path} ")


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, verb and words of each statement; braces become ``set`` and ``deactivate``."""
    path: list[str] = []
    words: list[str] = []
    begin = 0
    for number, row in enumerate(text.splitlines(), 1):
        match = re.match(r"\s*(set|deactivate|activate|delete) (\S.*)", row)
        if match and not path:
            words = []  # a prompt, or other text before the first statement
            yield number, match[1], " ".join(match[2].split())
            continue
        for word in (found[0] for found in _TOKEN.finditer(row)):
            if word.startswith("#"):
                continue
            if word not in {"{", "}", ";"}:
                begin = begin if words else number
                words.append(word)
                continue
            said = " ".join(w for w in words if w not in _TAGS)
            whole = " ".join(part for part in (*path, said) if part)
            if "inactive:" in words:
                yield begin, "deactivate", whole
            if word == "{":
                path.append(said)
            elif word == "}":
                del path[-1:]
            elif said:
                yield begin, "set", whole
            words = []


def _from_groups(written: Sequence[tuple[int, str]], own: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for _, row in own:
        match = re.fullmatch(r"(?:(.+) )?apply-groups (.+)", row)
        if not match:
            continue
        for group in match[2].strip("[] ").split():
            prefix = f"groups {group} "
            lines = [(n, text.removeprefix(prefix)) for n, text in written if text.startswith(prefix)]
            lines = [(n, text) for n, text in lines if not match[1] or under(text, match[1])]
            # the first of several groups takes precedence, so its statements come last
            found = [(n, text) for line in lines for n, text in _filled(line, own)] + found
    return found


def _filled(line: tuple[int, str], own: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return a group's statement once for each path that its wildcards, ``<ge-*>``, match."""
    number, text = line
    words = text.split()
    last = max((n for n, word in enumerate(words) if word.startswith("<")), default=-1)
    if last < 0:
        return [line]
    wild = [word.strip("<>") if word.startswith("<") else None for word in words[: last + 1]]
    fitting: dict[str, None] = {}
    for _, row in own:
        begin = row.split()[: last + 1]
        if len(begin) == last + 1 and all(
            a == b if pattern is None else fnmatchcase(a, pattern)
            for a, b, pattern in zip(begin, words, wild, strict=False)
        ):
            fitting[" ".join(begin)] = None
    return [(number, " ".join([begin, *words[last + 1 :]])) for begin in fitting]
