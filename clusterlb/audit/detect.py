"""Whose configuration is this? Only what one system alone writes is a proof; what several write is none."""

from __future__ import annotations

import re
from typing import NamedTuple

from clusterlb.audit.marks import FOREIGN, OURS, SONIC, Foreign, Marks, Within
from clusterlb.render.switch import SwitchError, System


class Guess(NamedTuple):
    """A system, and why: ``line`` is one that only it writes, with ``text``; 0 when the operator said it.

    ``doubt`` is another system that the text looks like, empty if none.
    """

    system: System
    line: int
    text: str
    doubt: str = ""

    def __str__(self) -> str:
        if self.line:
            return f"read as {self.system.value}: line {self.line}, `{self.text}`"
        if self.doubt:
            return f"read as {self.system.value}, as --os says, but it looks like {self.doubt}"
        return f"read as {self.system.value}, as --os says"


def recognise(text: str, file: str, system: System | None) -> Guess:
    """Return the system that wrote a configuration, or the one that was said, with the reason.

    The one with the most proofs counts. SONiC is told from FRR by its interfaces' names, and only where the
    lines are FRR's. SwitchError when nothing tells, when two are as likely, or when it is none of these.
    """
    marks: list[tuple[System | Foreign, Marks]] = [*OURS.items(), *((f, f.marks) for f in FOREIGN)]
    proofs = {candidate: found for candidate, own in marks if (found := _proofs(text, own))}
    ranked = sorted(proofs, key=lambda candidate: len(proofs[candidate]), reverse=True)
    if system is not None:
        return Guess(system, 0, "", _other(ranked, system))
    if not ranked:
        raise SwitchError(f"{file}: no line tells which system this is: say --os")
    first = ranked[0]
    line, row = proofs[first][0]
    if isinstance(first, Foreign):
        raise SwitchError(f"{file}:{line}: `{row}`: this is {first.name}. {first.advice}")
    if len(ranked) > 1 and len(proofs[ranked[1]]) == len(proofs[first]):
        other = ranked[1]
        there, its = proofs[other][0]
        name = other.name if isinstance(other, Foreign) else other.value
        mine = f"line {line}, `{row}`, is of {first.value}"
        raise SwitchError(f"{file}: {mine}, and line {there}, `{its}`, of {name}: say --os")
    if first is System.FRR and (named := _proofs(text, (SONIC,))):
        return Guess(System.SONIC, named[0][0], named[0][1])
    return Guess(first, line, row)


def _other(ranked: list[System | Foreign], system: System) -> str:
    """Return what a text looks like that does not look like the system that was said."""
    plain = System.FRR if system is System.SONIC else system
    if not ranked or plain in ranked:
        return ""
    return ranked[0].name if isinstance(ranked[0], Foreign) else ranked[0].value


def _proofs(text: str, marks: Marks) -> list[tuple[int, str]]:
    """Return for each mark that is there the line and text of its first, in the order of the marks."""
    rows = text.splitlines()
    found = (_first(rows, mark) for mark in marks)
    return [(number, shown) for number, shown in found if number]


def _first(rows: list[str], mark: str | Within) -> tuple[int, str]:
    """Return the number and text of the first line that a mark matches, 0 when there is none."""
    if isinstance(mark, str):
        begins = re.compile(mark)
        return next(((n, row.strip()[:60]) for n, row in enumerate(rows, 1) if begins.match(row)), (0, ""))
    context, begins = re.compile(mark.context), re.compile(mark.row)
    outer = ""
    for number, row in enumerate(rows, 1):
        if row and not row[0].isspace() and row[0] not in "!#":
            outer = row.strip() if context.match(row) else ""
        elif outer and begins.match(row):
            return number, f"{row.rstrip()[:60]}` under `{outer[:40]}"
    return 0, ""
