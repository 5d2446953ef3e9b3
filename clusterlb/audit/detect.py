"""Detect the system of a configuration, by lines that only one system writes."""

from __future__ import annotations

import re
from typing import NamedTuple

from clusterlb.audit.marks import FOREIGN, OURS, SONIC, Foreign, Marks, Within
from clusterlb.render.switch import SwitchError, System


class Guess(NamedTuple):
    """A system, and the line with its text that only this system writes; 0 if the operator named the system.

    ``doubt``: another system that the text looks like; empty if none.
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
    """Return the system that wrote a configuration, or the one that the operator names, with the reason.

    The system with the most marks wins. SONiC's lines are FRR's; its interfaces' names distinguish it from
    FRR. SwitchError without any mark, with two equally likely systems, or for a system that is not audited.
    """
    marks: list[tuple[System | Foreign, Marks]] = [*OURS.items(), *((f, f.marks) for f in FOREIGN)]
    proofs = {candidate: lines for candidate, its in marks if (lines := _proofs(text, its))}
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
        other, (other_line, other_row) = ranked[1], proofs[ranked[1]][0]
        name = other.name if isinstance(other, Foreign) else other.value
        one = f"line {line}, `{row}`, is of {first.value}"
        raise SwitchError(f"{file}: {one}, and line {other_line}, `{other_row}`, of {name}: say --os")
    if first is System.FRR and (named := _proofs(text, (SONIC,))):
        return Guess(System.SONIC, named[0][0], named[0][1])
    return Guess(first, line, row)


def _other(ranked: list[System | Foreign], system: System) -> str:
    """Return the system that a text looks like, if it does not look like the named one; else empty."""
    plain = System.FRR if system is System.SONIC else system
    if not ranked or plain in ranked:
        return ""
    return ranked[0].name if isinstance(ranked[0], Foreign) else ranked[0].value


def _proofs(text: str, marks: Marks) -> list[tuple[int, str]]:
    """Return the number and text of each mark's first matching line, in the order of the marks."""
    rows = text.splitlines()
    found = (_first(rows, mark) for mark in marks)
    return [(number, shown) for number, shown in found if number]


def _first(rows: list[str], mark: str | Within) -> tuple[int, str]:
    """Return the number and text of the first line that a mark matches, 0 if none does."""
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
