"""One thing about a switch's configuration that an operator should know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """ERROR: VIPs or directors are lost. WARNING: slower or less safe. INFO: could be better.

    NOT_SEEN: the file does not show it, so somebody has to look elsewhere; no fault was found.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so and what it costs; ``line`` counts from 1. ``fix``: lines to enter, with their contexts."""

    file: str
    line: int
    severity: Severity
    rule: str
    text: str
    fix: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}: {self.severity.value}: {self.text} [{self.rule}]"
        return "\n".join([head, *(f"    {row}" for row in self.fix)])
