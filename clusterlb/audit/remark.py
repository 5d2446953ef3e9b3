"""A finding before it has a file and a fix."""

from __future__ import annotations

from dataclasses import dataclass

from clusterlb.audit.finding import Severity
from clusterlb.audit.view import Setting


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule found.

    The fix sets ``settings`` in ``section``, a port's name or empty for the process; with ``policy`` it
    is the whole inbound filter.
    """

    rule: str
    severity: Severity
    line: int
    text: str
    section: str = ""
    settings: tuple[Setting, ...] = ()
    policy: bool = False
