"""GOAWAY, taken out of what an HTTP/2 server sends (RFC 9113, 4.1 and 6.8).

A server that closes its connections after each call, or drains, says GOAWAY and still answers the calls up to
the stream that it names. h2 ends its connection at that frame and refuses the answer, so h2 must not see it.
"""

from __future__ import annotations

from typing import NamedTuple

HEADER = 9  # bytes: length 3, type 1, flags 1, stream 4
GOAWAY = 7
LEAST = 8  # bytes of its payload: last stream 4, code 4
MOST = 16384  # bytes of a payload that was not agreed on otherwise


class Goaway(NamedTuple):
    """The last stream that the server will answer, the error code, and what it says of it."""

    last_stream: int
    code: int
    text: bytes


class FrameReader:
    """Cuts bytes into GOAWAY frames and all that comes between them, in order."""

    __slots__ = ("_left", "_rest")

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a header, or of a GOAWAY
        self._left = 0  # bytes of another frame that are still to come

    def feed(self, data: bytes) -> list[bytes | Goaway]:
        """Take bytes; return what is whole."""
        data = self._rest + data
        found: list[bytes | Goaway] = []
        begin = place = 0
        while place < len(data):
            if self._left:
                step = min(self._left, len(data) - place)
                self._left -= step
                place += step
                continue
            header = data[place : place + HEADER]
            if len(header) < HEADER:
                break
            length, stream = int.from_bytes(header[:3], "big"), int.from_bytes(header[5:], "big") & 0x7FFFFFFF
            if header[3] != GOAWAY or stream or not LEAST <= length <= MOST:
                self._left = HEADER + length  # another frame, or one that h2 will call broken
                continue
            if len(data) - place < HEADER + length:
                break
            if begin < place:
                found.append(data[begin:place])
            found.append(_goaway(data[place + HEADER : place + HEADER + length]))
            begin = place = place + HEADER + length
        if begin < place:
            found.append(data[begin:place])
        self._rest = data[place:]
        return found


def _goaway(payload: bytes) -> Goaway:
    last, code = (int.from_bytes(payload[at : at + 4], "big") for at in (0, 4))
    return Goaway(last & 0x7FFFFFFF, code, payload[LEAST:])
