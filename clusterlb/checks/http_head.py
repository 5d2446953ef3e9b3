"""The head of an HTTP/1.1 answer: collected whole before it is parsed, and its framing simplified.

So the limit counts the head's bytes, however TCP cut them, and a parser that knows only ``chunked`` can read
every ``Transfer-Encoding`` that RFC 9112 allows.
"""

from __future__ import annotations

import re

HEAD_LIMIT = 65536  # bytes of a status line and its headers; servers send up to 20 KB of security policies

_END = re.compile(rb"\n\r?\n")
_CODINGS = re.compile(rb"^transfer-encoding[ \t]*:(.*)$", re.IGNORECASE)
_LENGTH = re.compile(rb"^content-length[ \t]*:", re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n")
_FOLDED = re.compile(rb"\r?\n[ \t]+")  # RFC 9112, 5.2: obsolete line folding


class HeadError(ValueError):
    """The received bytes cannot be the head of an answer; the text says why."""


class HeadReader:
    """Takes bytes up to the empty line that ends a head."""

    __slots__ = ("received",)

    def __init__(self) -> None:
        self.received = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head and the bytes after it, None while the head is incomplete; raise HeadError."""
        searched = max(0, len(self.received) - 2)
        self.received += data
        found = _END.search(self.received, searched)
        end = found.end() if found else len(self.received)
        if end > HEAD_LIMIT:
            raise HeadError(f"headers of more than {HEAD_LIMIT} bytes")
        if found is None:
            return None
        head, rest = self.received[:end], self.received[end:]
        self.received = b""
        return head, rest


def plain_framing(head: bytes) -> bytes:
    """Return the head with ``chunked`` or nothing as its transfer codings (RFC 9112, 6.1 and 6.3).

    If ``chunked`` is the last of several codings, the body ends with its last chunk, and the pattern is
    searched in the output of the other codings. If not, the body ends with the connection, whatever the
    length header says.
    """
    if b"transfer-encoding" not in head.lower():
        return head
    lines = _LINE_END.split(_FOLDED.sub(b" ", head))
    values = [match[1] for line in lines if (match := _CODINGS.match(line))]
    codings = [coding.strip().lower() for value in values for coding in value.split(b",") if coding.strip()]
    if not values or codings.count(b"chunked") > 1:
        return head  # ``chunked`` twice is forbidden: the parser refuses the head
    kept = [line for line in lines if line and not _CODINGS.match(line) and not _LENGTH.match(line)]
    if codings and codings[-1] == b"chunked":
        kept.append(b"Transfer-Encoding: chunked")
    return b"\r\n".join((*kept, b"", b""))
