"""The marks that name directors: on a packet where it is sent, on a connection who translates it."""

from __future__ import annotations

from collections.abc import Iterable

from clusterlb.core.marks import FIRST_OF_DIRECTORS, unused_number

FIRST = FIRST_OF_DIRECTORS  # marks of ours are FIRST up to ASK
MASK = 0xFF000000
SPAN = 0x00FFFFFF
ASK = FIRST + SPAN
"""A connection that is not ours, and nobody knows whose: ask the maps again for each packet."""


def marks(directors: Iterable[str]) -> dict[str, int]:
    """Return each director's mark: it comes from its name, so that it is the same everywhere and stays."""
    taken: set[int] = set()
    return {name: FIRST + unused_number(name, taken, SPAN) for name in sorted(directors)}
