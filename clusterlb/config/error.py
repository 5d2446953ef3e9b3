"""The error that the problems of an inventory come to."""

from __future__ import annotations

from clusterlb.config.problem import Problem
from clusterlb.config.render import render


class InventoryError(Exception):
    """The inventory cannot be used. ``problems`` has every error and warning; the text is the full report."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return render(self.problems)
