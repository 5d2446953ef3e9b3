"""What a file of ours may hold, read without trust: disks, editors and older versions write in it."""

from __future__ import annotations

import math
from typing import Any


class Malformed(Exception):  # noqa: N818 - what is wrong, not an error of the program
    """A value is not of the kind that belongs there; the text says which."""


def a_mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object, or raise Malformed."""
    if not isinstance(value, dict):
        raise Malformed(f"{_shown(value)} is no mapping")
    return value


def a_list(value: Any, length: int | None = None) -> list[Any]:
    """Return a JSON array, of this length if one is given, or raise Malformed."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise Malformed(f"{_shown(value)} is no list{f' of {length}' if length is not None else ''}")
    return value


def a_text(value: Any) -> str:
    """Return a string that can be written again, or raise Malformed: JSON can hold half of a character."""
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        raise Malformed(f"{_shown(value)} is no text")
    return value


def a_number(value: Any, most: float = math.inf, least: float = 0.0) -> float:
    """Return a number from ``least`` to ``most``, or raise Malformed; true, NaN and such are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Malformed(f"{_shown(value)} is no number from {least:g} to {most:g}")
    return value


def maybe_a_number(value: Any, most: float = math.inf) -> float | None:
    """Return a number, None for null, or raise Malformed."""
    return None if value is None else a_number(value, most)


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
