"""An intent as a JSON object: in the journal, on the socket, in the status and in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clusterlb.controller.recorded import Malformed, a_number, a_text, maybe_a_number
from clusterlb.model.check import VerdictState
from clusterlb.model.intent import LATEST, LONGEST, Drain, Intent, IntentKind, Pause, Pin, target_of
from clusterlb.model.target import DirectorTarget, MemberTarget

FORCE = "force"  # the value of a drain that no guard holds up
VERDICTS = {"up": VerdictState.UP, "down": VerdictState.DOWN}  # the values of a pin


def to_record(intent: Intent) -> dict[str, Any]:
    """Return an intent as a JSON object."""
    return {
        "kind": intent.kind.value,
        "target": str(intent.target),
        "value": value_of(intent),
        "who": intent.who,
        "reason": intent.reason,
        "made": intent.made,
        "until": intent.until,
        "begins": intent.begins,
        "patience": intent.patience if isinstance(intent, Drain) else None,
    }


def value_of(intent: Intent) -> str:
    """Return what an intent says beside its kind and its target: up, down, force or nothing."""
    match intent:
        case Pin():
            return intent.verdict.value
        case Drain():
            return FORCE if intent.force else ""
        case Pause():
            return ""


def from_record(record: Mapping[str, Any]) -> Intent:
    """Return the intent that a JSON object records; KeyError, ValueError or Malformed for no such object.

    What ends after every calendar has no end; what no clock will ever show is malformed.
    """
    kind = IntentKind(record["kind"])
    target = target_of(kind, a_text(record["target"]))
    until, patience = maybe_a_number(record.get("until")), maybe_a_number(record.get("patience"))
    value = a_text(record["value"])
    common: dict[str, Any] = {
        "who": a_text(record["who"]),
        "reason": a_text(record["reason"]),
        "made": a_number(record["made"], most=LATEST),
        "until": None if until is not None and until > LATEST + LONGEST else until,
        "begins": a_number(record.get("begins", 0.0), most=LATEST),
    }
    match kind, target:
        case IntentKind.PIN, MemberTarget() if value in VERDICTS:
            return Pin(target=target, verdict=VERDICTS[value], **common)
        case IntentKind.DRAIN, _ if value in ("", FORCE):
            shortest = None if patience is not None and patience > LONGEST else patience
            return Drain(target=target, patience=shortest, force=value == FORCE, **common)
        case IntentKind.PAUSE, DirectorTarget() if not value:
            return Pause(**common)
        case _:
            raise Malformed(f"{value!r} is no value of a {kind.value} of {target}")
