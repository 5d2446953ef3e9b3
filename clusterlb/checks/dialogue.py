"""A protocol without its connection: a dialogue takes received bytes and returns bytes to send.

A dialogue has no socket and no clock, so every parser is tested, and fuzzed, without either.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from clusterlb.checks.probe import Result

EXCERPT = 48  # bytes of an unexpected answer that a detail shows


class Secure(Enum):
    """A dialogue's answer when both sides have agreed to continue in TLS."""

    START_TLS = "start TLS"


class Dialogue(Protocol):
    """The dialogue of one run.

    ``awaits`` names what must come next, as in "timed out after 1 s waiting for the greeting". Whether the
    answer comes in one piece or byte by byte must not change the result. A method may raise UnsentError
    where the director's own options cannot be sent.
    """

    @property
    def awaits(self) -> str:
        """Name what must come next; empty: nothing more."""
        ...

    def begin(self) -> bytes:
        """Return what to send first: on the fresh connection, and again after a START_TLS."""
        ...

    def receive(self, data: bytes) -> bytes | Secure | Result:
        """Take received bytes; return bytes to send, which may be none, or the result."""
        ...

    def end_of_file(self) -> Result:
        """Return the result if the member closes the connection now."""
        ...

    def at_deadline(self) -> Result | None:
        """Return the result if the time is up now; None fails the check with a timeout."""
        return None


def excerpt(data: bytes) -> str:
    """Return the first bytes that a member sent, quoted, on one line and printable; "nothing" if empty."""
    if not data:
        return "nothing"
    return ascii(data[:EXCERPT].decode("latin-1")) + ("..." if len(data) > EXCERPT else "")


def plain(text: bytes | str, limit: int = 80) -> str:
    """Return a member's text as part of a detail: printable ASCII, on one line, at most ``limit`` long."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    shown = "".join(character if " " <= character <= "~" else "?" for character in text[: limit + 1].strip())
    return shown if len(shown) <= limit else shown[:limit] + "..."
