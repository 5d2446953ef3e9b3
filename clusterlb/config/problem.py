"""One thing wrong with an inventory, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """An ERROR makes the inventory unusable; a WARNING is for the operator to weigh."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, where, and what to do.

    ``line`` and ``column`` count characters from 1; both are 0 when there is no place in a file.
    ``source`` is the whole source line, or empty.
    """

    file: str
    line: int
    column: int
    severity: Severity
    text: str
    hint: str = ""
    source: str = ""
