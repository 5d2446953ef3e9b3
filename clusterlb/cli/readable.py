"""What others have written, before it goes to a terminal."""

from __future__ import annotations

from typing import TypeVar, cast

from clusterlb.model.readable import lines

T = TypeVar("T")


def readable(data: T) -> T:
    """Return JSON data in which no text has what upsets a terminal or shows as another; lines stay lines."""
    if isinstance(data, str):
        return cast(T, lines(data))
    if isinstance(data, list):
        return cast(T, [readable(each) for each in data])
    if isinstance(data, dict):
        return cast(T, {readable(key): readable(value) for key, value in data.items()})
    return data
