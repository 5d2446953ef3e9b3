"""Recorded wishes of an operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

LONGEST = 10 * 366 * 86400.0  # seconds that a wish may be for; what is to last longer has no end
LATEST = 4102444800.0  # seconds since 1970 up to 2100, after which no wish begins


MOST_WORDS = 200  # characters of a reason, or of who made a wish

DIRECTOR = "director"  # the target that is the whole director
FORCE = "force"  # the value of a drain that no other director's absence holds up


class IntentKind(Enum):
    """What is wished for.

    PIN: ``value`` is ``up`` or ``down``, the target ``POOL/ADDRESS:PORT``. DRAIN: the target is ``director``,
    ``vip/ADDRESS``, ``pool/NAME`` or ``member/POOL/ADDRESS:PORT``. PAUSE: the target is ``director``.
    """

    PIN = "pin"
    DRAIN = "drain"
    PAUSE = "pause"


VALUES = {
    IntentKind.PIN: frozenset({"up", "down"}),
    IntentKind.DRAIN: frozenset({"", FORCE}),
    IntentKind.PAUSE: frozenset({""}),
}


def is_words(text: str) -> bool:
    """Say whether a text is one line that can be shown anywhere: in a log, on a terminal, in a table."""
    return text.isprintable() and 0 < len(text) <= MOST_WORDS


@dataclass(frozen=True, slots=True)
class Intent:
    """A wish: who made it and why. Times are seconds since 1970.

    It is in force from ``begins`` (0: at once) until ``until`` (None: until it is taken back). ``patience``:
    seconds that a drain leaves flows to move, None for as long as they take.
    """

    kind: IntentKind
    target: str
    value: str
    who: str
    reason: str
    made: float
    until: float | None = None
    begins: float = 0.0
    patience: float | None = None

    @property
    def name(self) -> tuple[IntentKind, str]:
        """Return what a later wish has to share to take this one's place."""
        return self.kind, self.target

    def in_force(self, now: float) -> bool:
        """Say whether it counts now."""
        return self.begins <= now and not self.over(now)

    def over(self, now: float) -> bool:
        """Say whether its time has passed."""
        return self.until is not None and now >= self.until

    def next_change(self, now: float) -> float | None:
        """Return when it begins or ends, whichever comes first after ``now``; None for never."""
        return min((moment for moment in (self.begins, self.until) if moment and moment > now), default=None)
