"""Parse a server's first flight in TLS 1.2 for the size of its Diffie-Hellman group.

A member may choose a group of up to 10,000 bits (RFC 5246, 7.4.3), which costs the director half a second of
CPU in each handshake; OpenSSL has no lower limit. A group of 4,096 bits costs 25 ms.
"""

from __future__ import annotations

import ssl
from functools import lru_cache

LARGEST_GROUP = 4096  # bits
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE = 20, 21, 22  # types of records; parsing stops at any other
HELLO, KEY_EXCHANGE, HELLO_DONE = 2, 12, 14


class Flight:
    """Takes the server's bytes as they come, until the group is known or known to be absent (``done``)."""

    __slots__ = ("_messages", "_records", "_with_group", "done")

    def __init__(self) -> None:
        self._records = bytearray()
        self._messages = bytearray()
        self._with_group = False
        self.done = False

    def feed(self, data: bytes) -> int:
        """Return the size of the group in bits once it is known; 0 before that, and without a group."""
        self._records += data
        offset = 0
        while not self.done and len(self._records) >= offset + 5:
            kind, size = self._records[offset], int.from_bytes(self._records[offset + 3 : offset + 5], "big")
            end = offset + 5 + size
            if kind not in (CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE):
                self.done = True
            elif len(self._records) < end:
                break
            elif kind == HANDSHAKE:
                self._messages += self._records[offset + 5 : end]
            offset = end
        del self._records[:offset]
        return self._look()

    def _look(self) -> int:
        while len(self._messages) >= 4:
            kind, length = self._messages[0], int.from_bytes(self._messages[1:4], "big")
            if len(self._messages) < 4 + length:
                break
            body = bytes(self._messages[4 : 4 + length])
            del self._messages[: 4 + length]
            if kind == HELLO:
                self._with_group = self._chosen(body) in _with_group()
            elif kind == KEY_EXCHANGE and self._with_group:
                self.done = True
                return int.from_bytes(body[:2], "big") * 8
            self.done = self.done or kind in (KEY_EXCHANGE, HELLO_DONE)
        return 0

    @staticmethod
    def _chosen(hello: bytes) -> int:
        """Return the cipher suite, which follows version, random and session id."""
        offset = 35 + (hello[34] if len(hello) > 34 else 0)
        return int.from_bytes(hello[offset : offset + 2], "big")


@lru_cache(maxsize=1)
def _with_group() -> frozenset[int]:
    """Return the cipher suites whose ephemeral Diffie-Hellman group the server chooses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return frozenset(
        cipher["id"] & 0xFFFF for cipher in context.get_ciphers() if cipher.get("kea") == "kx-dhe"
    )
