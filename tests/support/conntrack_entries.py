"""Connections that connection tracking holds though no packet ever made them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address
TCP, UDP = 6, 17
ESTABLISHED = 3
_BATCH = 100


@dataclass(frozen=True)
class Entry:
    """client:port -> remote:port, its source translated to own:own_port."""

    client: Address
    client_port: int
    own: Address
    own_port: int
    remote: Address
    remote_port: int = 80
    protocol: int = TCP


def insert(entries: Iterable[Entry]) -> None:
    """Put entries into the table of this thread's namespace, which must have a NAT rule or hook."""
    waiting = list(entries)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as ctnetlink:
        ctnetlink.settimeout(30)
        for first in range(0, len(waiting), _BATCH):
            *others, last = waiting[first : first + _BATCH]
            ctnetlink.send(b"".join([*(_message(entry) for entry in others), _message(last, ack=True)]))
            # refusals come first, the acknowledgement of the last one at the end
            errno = -struct.unpack_from("=i", ctnetlink.recv(1 << 16), 16)[0]
            assert not errno, os.strerror(errno)


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nest(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | 0x8000, b"".join(attributes))


def reply_tuple(kind: int, source: Address, destination: Address, *proto: bytes) -> bytes:
    first = 1 if source.version == 4 else 3  # CTA_IP_V4_SRC, CTA_IP_V6_SRC
    addresses = nest(1, attribute(first, source.packed), attribute(first + 1, destination.packed))
    return nest(kind, addresses, nest(2, *proto))


def ports(protocol: int, source: int, destination: int) -> tuple[bytes, ...]:
    return attribute(1, bytes([protocol])), attribute(2, _u16(source)), attribute(3, _u16(destination))


def _message(entry: Entry, *, ack: bool = False) -> bytes:
    there = ports(entry.protocol, entry.client_port, entry.remote_port)
    back = ports(entry.protocol, entry.remote_port, entry.client_port)
    version4 = entry.own.version == 4
    body = struct.pack("=BBH", 2 if version4 else 10, 0, 0)
    body += reply_tuple(1, entry.client, entry.remote, *there)
    body += reply_tuple(2, entry.remote, entry.client, *back)
    translated = attribute(1 if version4 else 4, entry.own.packed)  # CTA_NAT_V4_MINIP, CTA_NAT_V6_MINIP
    body += nest(6, translated, nest(3, attribute(1, _u16(entry.own_port))))
    body += attribute(3, _u32(8 | 6)) + attribute(7, _u32(600))  # CTA_STATUS: confirmed, assured; CTA_TIMEOUT
    if entry.protocol == TCP:
        body += nest(4, nest(1, attribute(1, bytes([ESTABLISHED]))))
    flags = 0x605 if ack else 0x601  # NLM_F_REQUEST, NLM_F_EXCL, NLM_F_CREATE; NLM_F_ACK
    return struct.pack("=IHHII", 16 + len(body), 0x100, flags, 1, 0) + body


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
