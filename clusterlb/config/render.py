"""Problems as a compiler would print them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from clusterlb.config.problem import Problem, Severity
from clusterlb.model.readable import printable

MOST_SHOWN = 20  # problems in a log or a status
WIDTH = 160  # characters of a source line that are shown; generated files may be one long line


def render(problems: Iterable[Problem]) -> str:
    """Write each problem as ``file:line:col: error: text``, the source line, a caret, and ``hint: ...``."""
    return "\n".join(line for problem in problems for line in _lines(problem))


def render_some(problems: Sequence[Problem], most: int = MOST_SHOWN) -> str:
    """Write the first problems, errors before warnings, and say how many more there are."""
    by_weight = sorted(problems, key=lambda problem: problem.severity is not Severity.ERROR)
    shown, rest = by_weight[:most], by_weight[most:]
    more = [f"and {summary(rest)} more; clusterlb check PATH prints them all"] if rest else []
    return "\n".join([render(shown), *more])


def summary(problems: Iterable[Problem]) -> str:
    """Count the problems: ``2 errors, 1 warning``."""
    severities = [problem.severity for problem in problems]
    return ", ".join(
        f"{severities.count(severity)} {severity.value}{'' if severities.count(severity) == 1 else 's'}"
        for severity in Severity
    )


def excerpt(problem: Problem) -> tuple[str, int]:
    """Return the part of the source line around the problem, and the problem's index in it."""
    index = max(problem.column - 1, 0)
    if len(problem.source) <= WIDTH:
        return printable(problem.source), index
    start = max(0, min(index - WIDTH // 2, len(problem.source) - WIDTH))
    return printable(problem.source[start : start + WIDTH]), index - start


def _lines(problem: Problem) -> Iterable[str]:
    place = f":{problem.line}:{problem.column}" if problem.line else ""
    yield printable(f"{problem.file}{place}: {problem.severity.value}: {problem.text}")
    source, index = excerpt(problem)
    if source.strip():
        yield f"    {source}"
        yield f"    {_padding(source[:index])}^"
    if problem.hint:
        yield printable(f"    hint: {problem.hint}")


def _padding(text: str) -> str:
    """Return white space as wide as ``text`` is on a terminal."""
    return "".join(map(_blank, text))


def _blank(character: str) -> str:
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "
