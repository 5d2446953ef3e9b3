"""Findings about a switch's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from clusterlb.audit.view import Section, Setting


class AuditSeverity(Enum):
    """ERROR: VIPs or directors are lost. WARNING: slower or less safe. INFO: could be better.

    NOT_SEEN: the file does not show a setting, and the operator has to check the switch.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NOT_SEEN = "not seen"


@dataclass(frozen=True, slots=True)
class Remark:
    """A rule's finding without its file and fix.

    The fix sets ``settings`` in ``section``, which is a port's name, or empty for the process; with
    ``policy`` the fix is the whole inbound filter.
    """

    rule: str
    severity: AuditSeverity
    line: int
    text: str
    section: str = ""
    settings: tuple[Setting, ...] = ()
    policy: bool = False


def about_port(port: Section, rule: str, severity: AuditSeverity, text: str, *settings: Setting) -> Remark:
    """Return a remark about a port's settings; its line is that of the first, its text follows the name."""
    return Remark(rule, severity, port.at(settings[0]), f"{port.name}{text}", port.name, settings)


def about_process(
    process: Section, rule: str, severity: AuditSeverity, text: str, *settings: Setting
) -> Remark:
    """Return a remark about a process's settings; its line is that of the first."""
    return Remark(rule, severity, process.at(settings[0]), text, "", settings)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault or gap and its cost; ``line`` counts from 1. ``fix``: lines to enter, with their contexts."""

    file: str
    line: int
    severity: AuditSeverity
    rule: str
    text: str
    fix: tuple[str, ...] = ()

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}: {self.severity.value}: {self.text} [{self.rule}]"
        return "\n".join([head, *(f"    {row}" for row in self.fix)])
