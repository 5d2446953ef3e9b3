"""Take GOAWAY frames out of the bytes that an HTTP/2 server sends (RFC 9113, 4.1 and 6.8).

A server that closes its connections after each call, or drains, sends GOAWAY and still answers the calls up
to the stream that the frame names. h2 closes its connection at that frame and refuses the answer, so h2 must
not get the frame.
"""

from __future__ import annotations

from typing import NamedTuple

HEADER = 9  # bytes: length 3, type 1, flags 1, stream 4
GOAWAY = 7
LEAST = 8  # bytes of its payload: last stream 4, code 4
MOST = 16384  # bytes of a payload, where the settings do not allow more


class Goaway(NamedTuple):
    """The last stream that the server will answer, the error code, and the server's debug text."""

    last_stream: int
    code: int
    text: bytes


class FrameReader:
    """Cuts bytes into GOAWAY frames and the bytes between them, in order."""

    __slots__ = ("_left", "_rest")

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a header, or of a GOAWAY
        self._left = 0  # bytes of another frame that are still to come

    def feed(self, data: bytes) -> list[bytes | Goaway]:
        """Take bytes; return the complete parts."""
        data = self._rest + data
        parts: list[bytes | Goaway] = []
        begin = offset = 0
        while offset < len(data):
            if self._left:
                step = min(self._left, len(data) - offset)
                self._left -= step
                offset += step
                continue
            header = data[offset : offset + HEADER]
            if len(header) < HEADER:
                break
            length, stream = int.from_bytes(header[:3], "big"), int.from_bytes(header[5:], "big") & 0x7FFFFFFF
            if header[3] != GOAWAY or stream or not LEAST <= length <= MOST:
                self._left = HEADER + length  # another frame, or one that h2 will refuse
                continue
            if len(data) - offset < HEADER + length:
                break
            if begin < offset:
                parts.append(data[begin:offset])
            parts.append(_goaway(data[offset + HEADER : offset + HEADER + length]))
            begin = offset = offset + HEADER + length
        if begin < offset:
            parts.append(data[begin:offset])
        self._rest = data[offset:]
        return parts


def _goaway(payload: bytes) -> Goaway:
    last, code = (int.from_bytes(payload[at : at + 4], "big") for at in (0, 4))
    return Goaway(last & 0x7FFFFFFF, code, payload[LEAST:])
