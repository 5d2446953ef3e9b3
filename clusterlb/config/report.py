"""Collects the problems of one load."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterlb.config.problem import Problem, Severity
from clusterlb.config.source import NOWHERE, Place, RefusedError, Source

LONGEST = 1000  # characters of a problem's text, and of its hint
MOST = 10_000  # problems kept: enough for every real inventory, and a bound for hostile ones


class FullError(Exception):
    """There are more problems than anyone reads: whoever searches should stop."""


@dataclass
class Report:
    """The problems found so far, in the order in which they were found; FullError when they are too many."""

    problems: list[Problem] = field(default_factory=list)
    errors: int = 0
    full: bool = False

    def error(self, source: Source, place: Place, text: str, hint: str = "") -> None:
        """Record what makes the inventory unusable."""
        self.errors += 1
        self._add(source, place, Severity.ERROR, text, hint)

    def warning(self, source: Source, place: Place, text: str, hint: str = "") -> None:
        """Record what the operator should weigh."""
        self._add(source, place, Severity.WARNING, text, hint)

    def refused(self, source: Source, refusal: RefusedError) -> None:
        """Record that a file, or the rest of it, cannot be used."""
        self.error(source, refusal.place, refusal.text, refusal.hint)

    def ordered(self) -> tuple[Problem, ...]:
        """Return the problems by file, in the order of the text, each once."""
        unique = dict.fromkeys(self.problems)
        found = sorted(unique, key=lambda problem: (problem.file, problem.line, problem.column))
        if self.full:
            text = f"more problems than the {MOST:,} before: the search ended here"
            found.append(Problem(found[-1].file, 0, 0, Severity.ERROR, text, "repair these first"))
        return tuple(found)

    def _add(self, source: Source, place: Place, severity: Severity, text: str, hint: str) -> None:
        if len(self.problems) >= MOST:
            self.full = True
            raise FullError
        line = source.line(place.line) if place != NOWHERE else ""
        text, hint = _cut(text), _cut(hint)
        self.problems.append(Problem(source.name, place.line, place.column, severity, text, hint, line))


def _cut(text: str) -> str:
    """Shorten what repeats a whole value: a key may have megabytes, and be wrong ten thousand times."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
