"""How a problem looks on a terminal."""

from __future__ import annotations

from clusterlb.config.problem import Problem, Severity
from clusterlb.config.render import WIDTH, excerpt, render, summary


def problem(source: str, column: int) -> Problem:
    return Problem("a.yaml", 3, column, Severity.ERROR, "no good", "do better", source)


def test_the_caret_stands_under_tabs_and_wide_characters() -> None:
    assert render([problem("\t世e\u0301: x", 6)]).splitlines() == [
        "a.yaml:3:6: error: no good",
        "    \t世e\u0301: x",
        "    \t    ^",
        "    hint: do better",
    ]


def test_a_problem_without_a_place() -> None:
    assert render([Problem("a.yaml", 0, 0, Severity.WARNING, "odd")]) == "a.yaml: warning: odd"


def test_a_long_line_is_shown_around_the_problem() -> None:
    text, index = excerpt(problem("a" * 5000 + "X" + "b" * 5000, 5001))
    assert len(text) == WIDTH
    assert text[index] == "X"
    text, index = excerpt(problem("a" * 5000 + "X", 5001))
    assert text[index] == "X"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in render([Problem("\x1b[2J", 1, 1, Severity.ERROR, "\x1b", "\x1b", "x\x1b[2J")])


def test_summary() -> None:
    assert summary([]) == "0 errors, 0 warnings"
    assert summary([problem("", 1)]) == "1 error, 0 warnings"
