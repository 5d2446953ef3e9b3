"""Text that a terminal, a table and a log show as it is meant."""

from __future__ import annotations

import re

# What is not on one line or moves the cursor, and what turns the direction of writing, so that a line shows
# as another than it is: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069 (Unicode, UAX #9).
UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Replace what could upset a terminal; every character keeps its column."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def lines(text: str) -> str:
    """Do so with each line of a text that may have several."""
    return "\n".join(map(printable, text.split("\n")))
