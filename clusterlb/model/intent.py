"""Recorded wishes of an operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class IntentKind(Enum):
    """What is wished for. A pin's ``value`` is ``up`` or ``down``, its target ``POOL/ADDRESS:PORT``."""

    PIN = "pin"


@dataclass(frozen=True, slots=True)
class Intent:
    """A wish: who made it, why, when and until when, in seconds since 1970; None: until it is taken back."""

    kind: IntentKind
    target: str
    value: str
    who: str
    reason: str
    made: float
    until: float | None = None

    @property
    def name(self) -> tuple[IntentKind, str]:
        """Return what a later wish has to share to take this one's place."""
        return self.kind, self.target

    def over(self, now: float) -> bool:
        """Say whether its time has passed."""
        return self.until is not None and now >= self.until
