"""Collects the problems of one load."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterlb.config.problem import Problem, Severity
from clusterlb.config.source import Position, Source, UnusableFileError

LONGEST = 1000  # characters of a problem's text, and of its hint
MOST = 10_000  # problems kept: enough for every real inventory, and a bound for hostile ones


class FullError(Exception):
    """The report holds MOST problems: stop the search for more."""


@dataclass
class Report:
    """The problems in the order in which they were found. Adding one more than MOST raises FullError."""

    problems: list[Problem] = field(default_factory=list)
    errors: int = 0
    full: bool = False

    def error(self, place: Position, text: str, hint: str = "") -> None:
        """Record a problem that makes the inventory unusable."""
        self.errors += 1
        self._add(place, Severity.ERROR, text, hint)

    def warning(self, place: Position, text: str, hint: str = "") -> None:
        """Record a problem that the operator should weigh."""
        self._add(place, Severity.WARNING, text, hint)

    def unusable(self, source: Source, error: UnusableFileError) -> None:
        """Record that a file, or the rest of it, cannot be used."""
        self.error(error.place or source.as_place, error.text, error.hint)

    def ordered(self) -> tuple[Problem, ...]:
        """Return the problems in the order of file, line and column, each once."""
        unique = dict.fromkeys(self.problems)
        found = sorted(unique, key=lambda problem: (problem.file, problem.line, problem.column))
        if self.full:
            text = f"more problems than the {MOST:,} before: the search ended here"
            found.append(Problem(found[-1].file, 0, 0, Severity.ERROR, text, "repair these first"))
        return tuple(found)

    def _add(self, place: Position, severity: Severity, text: str, hint: str) -> None:
        if len(self.problems) >= MOST:
            self.full = True
            raise FullError
        source, line, column = place
        shown = source.line(line) if line else ""
        self.problems.append(Problem(source.name, line, column, severity, _cut(text), _cut(hint), shown))


def _cut(text: str) -> str:
    """Shorten a text that repeats a value: a key may have megabytes, and ten thousand problems."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
