"""Which keys of two tables differ: what is to be looked at again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def differing(
    before: Mapping[K, V], after: Mapping[K, V], part: Callable[[V | None], object] = lambda value: value
) -> set[K]:
    """Return the keys whose values differ in ``part``; the value of a key that a table lacks is None."""
    return {key for key in {*before, *after} if part(before.get(key)) != part(after.get(key))}
