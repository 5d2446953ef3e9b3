"""Intents as tests write them."""

from __future__ import annotations

from typing import Any

from clusterlb.model.check import VerdictState
from clusterlb.model.intent import Drain, Pause, Pin
from clusterlb.model.target import parse_member, parse_target

ADA: dict[str, Any] = {"who": "ada", "reason": "kernel"}


def pin(member: str, verdict: str = "down", **fields: Any) -> Pin:
    """Return a pin of ``POOL/ADDRESS:PORT``."""
    return Pin(target=parse_member(member), verdict=VerdictState(verdict), **(ADA | fields))


def drain(target: str = "director", **fields: Any) -> Drain:
    """Return a drain of a target, as ``member/POOL/ADDRESS:PORT``."""
    return Drain(target=parse_target(target), **(ADA | fields))


def pause(**fields: Any) -> Pause:
    """Return a pause."""
    return Pause(**(ADA | fields))
