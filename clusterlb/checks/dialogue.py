"""What is said on a connection, apart from the connection: a dialogue turns bytes into bytes.

It holds no socket and no clock, so every parser is tested, and fuzzed, without either.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from clusterlb.checks.probe import Result

EXCERPT = 48  # bytes of an unexpected answer that a detail shows


class Secure(Enum):
    """What a dialogue answers when both sides have agreed to go on in TLS."""

    START_TLS = "start TLS"


class Dialogue(Protocol):
    """One run's dialogue; made anew for each run.

    ``awaits`` names what must come next, as in "timed out after 1 s waiting for the greeting". Whether the
    answer comes in one piece or byte by byte must not change the result. A method may raise UnsentError
    where the director's own options cannot be sent.
    """

    @property
    def awaits(self) -> str:
        """Name what must come next."""
        ...

    def begin(self) -> bytes:
        """Return what to send first: on the fresh connection, and again after a START_TLS."""
        ...

    def receive(self, data: bytes) -> bytes | Secure | Result:
        """Take what came; return what to send now, which may be nothing, or the end."""
        ...

    def end_of_file(self) -> Result:
        """Judge what came up to the member's closing the connection."""
        ...

    def at_deadline(self) -> Result | None:
        """Judge what came when the time is up; None: it came to nothing yet."""
        ...


def excerpt(data: bytes) -> str:
    """Return the beginning of what a member sent, quoted, on one line and printable; "nothing" if empty."""
    if not data:
        return "nothing"
    return ascii(data[:EXCERPT].decode("latin-1")) + ("..." if len(data) > EXCERPT else "")


def plain(text: bytes | str, limit: int = 80) -> str:
    """Return a member's own words as part of a detail: printable ASCII, on one line, bounded."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    shown = "".join(character if " " <= character <= "~" else "?" for character in text[: limit + 1].strip())
    return shown if len(shown) <= limit else shown[:limit] + "..."
