"""Kind ``icmp``: the member's host answers an echo request (RFC 792, RFC 4443)."""

from __future__ import annotations

import os
import socket
import struct
from typing import cast

from clusterlb.checks.connect import Socket
from clusterlb.checks.datagram import DatagramProbe
from clusterlb.checks.probe import Result
from clusterlb.model.address import family_of
from clusterlb.model.check import IcmpOptions
from clusterlb.model.health import ProbeKey

ECHO, ECHO_REPLY = 8, 0
ECHO_6, ECHO_REPLY_6 = 128, 129
SOL_RAW = 255  # include/linux/socket.h
ICMP_FILTER = 1  # include/uapi/linux/icmp.h: one bit a type; the kernel drops types whose bit is set
ICMPV6_FILTER = 1  # include/uapi/linux/icmpv6.h: the same in eight words
ONLY_REPLIES = struct.pack("=I", 0xFFFFFFFF & ~(1 << ECHO_REPLY))
ONLY_REPLIES_6 = struct.pack(
    "=8I", *(0xFFFFFFFF & ~(1 << ECHO_REPLY_6 % 32 if word == ECHO_REPLY_6 // 32 else 0) for word in range(8))
)


class IcmpProbe(DatagramProbe):
    """Send one echo request and accept only the reply with its id, sequence number and payload.

    A ping socket needs no privilege where net.ipv4.ping_group_range holds the engine's group; the kernel
    chooses the socket's id and gives the socket only its own replies. Elsewhere a raw socket (CAP_NET_RAW)
    is used, which receives the replies to all processes' requests.
    """

    __slots__ = ("_ipv6", "_payload", "_raw", "_sent")

    def __init__(self, key: ProbeKey) -> None:
        super().__init__(key)
        size = cast(IcmpOptions, key.spec.options).size
        self._ipv6 = key.endpoint.address.version == 6
        self._payload = (bytes(range(256)) * (size // 256 + 1))[:size]
        self._raw = False
        self._sent = b""

    def _open(self) -> tuple[Socket, tuple[str, int]]:
        protocol = socket.IPPROTO_ICMPV6 if self._ipv6 else socket.IPPROTO_ICMP
        family = int(family_of(self._key.endpoint.address))
        flags = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM | flags, protocol)
            self._raw = False
        except PermissionError:
            sock = socket.socket(family, socket.SOCK_RAW | flags, protocol)
            self._raw = True
            if self._ipv6:
                sock.setsockopt(socket.IPPROTO_ICMPV6, ICMPV6_FILTER, ONLY_REPLIES_6)
            else:
                sock.setsockopt(SOL_RAW, ICMP_FILTER, ONLY_REPLIES)
        return sock, (str(self._key.endpoint.address), 0)

    def _request(self) -> bytes:
        self._sent = echo_request(ECHO_6 if self._ipv6 else ECHO, os.urandom(4), self._payload)
        return self._sent

    def _judge(self, answer: bytes, elapsed: float) -> Result | None:
        if self._raw and not self._ipv6:
            answer = answer[(answer[0] & 15) * 4 if answer else 0 :]  # raw(7): skip the IP header
        compared = 4 if self._raw else 6  # offset: a ping socket's id, in bytes 4 and 5, is the kernel's
        wanted = ECHO_REPLY_6 if self._ipv6 else ECHO_REPLY
        if answer[:2] != bytes((wanted, 0)) or answer[compared:] != self._sent[compared:]:
            return None
        return Result(True, f"echoed in {elapsed * 1000:.1f} ms")


def echo_request(kind: int, token: bytes, payload: bytes) -> bytes:
    """Return an echo request; ``token`` is its id and sequence number.

    The checksum is the Internet checksum (RFC 1071). The kernel overwrites the checksum of ICMPv6, which
    covers addresses that only the kernel knows (RFC 4443, 2.3), and of ping sockets.
    """
    body = token + payload
    padded = body + b"\0" * (len(body) % 2)
    total = (kind << 8) + sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBH", kind, 0, ~total & 0xFFFF) + body
