"""Inventories with one mistake. The sign ¦ stands where the problem is expected."""

from __future__ import annotations

from pathlib import Path

from clusterlb.config.load import InventoryError, Problem, Severity, load

MARK = "¦"


def problems_of(text: str, folder: Path) -> tuple[Problem, ...]:
    """Return every problem of an inventory."""
    path = folder / "inventory.yaml"
    path.write_text(text)
    try:
        return load(path)[1]
    except InventoryError as error:
        return error.problems


def marked(base: str, old: str, new: str) -> tuple[str, int, int]:
    """Return the base with one change, and the line and column of the mark."""
    assert old in base
    text = base.replace(old, new, 1)
    before, _, after = text.partition(MARK)
    return before + after, before.count("\n") + 1, len(before) - before.rfind("\n")


def expect(
    problems: tuple[Problem, ...], severity: Severity, line: int, column: int, text: str, hint: str = ""
) -> None:
    """Fail unless a problem is at this place, with texts that begin so."""
    listing = "\n".join(f"{p.line}:{p.column}: {p.severity.value}: {p.text} ({p.hint})" for p in problems)
    assert any(
        (problem.severity, problem.line, problem.column) == (severity, line, column)
        and problem.text.startswith(text)
        and problem.hint.startswith(hint)
        for problem in problems
    ), f"expected {line}:{column}: {severity.value}: {text} ({hint}), got\n{listing}"
