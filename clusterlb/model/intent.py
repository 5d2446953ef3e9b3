"""What operators have decided: recorded, and in force until its time is over or until it is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from clusterlb.model.check import VerdictState
from clusterlb.model.target import DIRECTOR, DirectorTarget, MemberTarget, Target, parse_member, parse_target

LONGEST = 10 * 366 * 86400.0  # seconds that an intent may last; what is to last longer has no end
LATEST = 4102444800.0  # seconds since 1970 up to 2100, after which no intent begins
MOST_WORDS = 200  # characters of a reason, or of an operator's name


class IntentKind(Enum):
    """The kinds of intents; the value is the stable name in metrics and JSON."""

    PIN = "pin"
    DRAIN = "drain"
    PAUSE = "pause"


def target_of(kind: IntentKind, text: str) -> Target:
    """Return the target that a text names, or raise ValueError; a pin's may leave ``member/`` out."""
    try:
        return parse_target(text)
    except ValueError:
        if kind is not IntentKind.PIN:
            raise
        return parse_member(text)


def is_words(text: str) -> bool:
    """Say whether a text is one line that can be shown anywhere: in a log, on a terminal, in a table."""
    return text.isprintable() and 0 < len(text) <= MOST_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What all intents say: whom they are about, who made them and why. Times are seconds since 1970.

    An intent is in force from ``begins`` (0: at once) until ``until`` (None: until it is taken back).
    """

    kind: ClassVar[IntentKind]
    target: Target
    who: str
    reason: str
    made: float = 0.0
    until: float | None = None
    begins: float = 0.0

    @property
    def name(self) -> tuple[IntentKind, Target]:
        """Return what a later intent has to share to take this one's place."""
        return self.kind, self.target

    @property
    def began(self) -> float:
        """Return when the intent came into force, or will."""
        return max(self.made, self.begins)

    def in_force(self, now: float) -> bool:
        """Say whether the intent counts now."""
        return self.begins <= now and not self.over(now)

    def over(self, now: float) -> bool:
        """Say whether the intent's time has passed."""
        return self.until is not None and now >= self.until

    def next_change(self, now: float) -> float | None:
        """Return when the intent begins or ends, whichever comes first after ``now``; None for never."""
        return min((moment for moment in (self.begins, self.until) if moment and moment > now), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin(Recorded):
    """A member is ``verdict``, UP or DOWN, whatever its checks say."""

    kind = IntentKind.PIN
    target: MemberTarget
    verdict: VerdictState


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Recorded):
    """The target gets no new flows and keeps those that it has.

    ``patience``: seconds that flows have to move or to end, None for as long as they take. ``force``: no
    guard holds the drain up, whatever other directors do.
    """

    kind = IntentKind.DRAIN
    patience: float | None = None
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Recorded):
    """The controller watches and changes nothing."""

    kind = IntentKind.PAUSE
    target: DirectorTarget = DIRECTOR


Intent = Pin | Drain | Pause
