"""The kernel's side of the IPVS protocol, written from ip_vs_ctl.c and not from the codec under test.

``dest_reply`` and ``service_reply`` lay messages out as ``ip_vs_genl_fill_dest`` and
``ip_vs_genl_fill_service`` do; ``tree`` takes a request apart.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from clusterlb.model.ipvs import Counters, Destination, DestinationStatistics, VirtualService


def attr(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def u8(kind: int, value: int) -> bytes:
    return attr(kind, bytes([value]))


def u16(kind: int, value: int) -> bytes:
    return attr(kind, struct.pack("=H", value))


def be16(kind: int, value: int) -> bytes:
    return attr(kind, struct.pack("!H", value))


def u32(kind: int, value: int) -> bytes:
    return attr(kind, struct.pack("=I", value & 0xFFFFFFFF))


def u64(kind: int, value: int) -> bytes:
    return attr(kind, struct.pack("=Q", value))


def message(command: int, body: bytes, sequence: int = 1, kind: int = 30, flags: int = 2) -> bytes:
    return struct.pack("=IHHIIBBH", 20 + len(body), kind, flags, sequence, 0, command, 1, 0) + body


def stats(container: int, counters: Counters) -> bytes:
    return attr(
        container,
        u32(1, counters.connections)
        + u32(2, counters.in_packets)
        + u32(3, counters.out_packets)
        + u64(4, counters.in_bytes)
        + u64(5, counters.out_bytes)
        + b"".join(u32(kind, 0) for kind in range(6, 11)),
    )


def stats64(container: int, counters: Counters) -> bytes:
    values = (
        counters.connections,
        counters.in_packets,
        counters.out_packets,
        counters.in_bytes,
        counters.out_bytes,
    )
    return attr(
        container, b"".join(u64(kind, value) for kind, value in enumerate((*values, 0, 0, 0, 0, 0), 1))
    )


def dest_attributes(destination: Destination, live: DestinationStatistics) -> list[bytes]:
    address, port = destination.key
    return [
        attr(1, address.packed.ljust(16, b"\0")),
        be16(2, port),
        u32(3, destination.method),
        u32(4, destination.weight),
        u8(13, destination.tunnel_type),
        be16(14, destination.tunnel_port),
        u16(15, destination.tunnel_flags),
        u32(5, destination.upper),
        u32(6, destination.lower),
        u32(7, live.active),
        u32(8, live.inactive),
        u32(9, live.persistent),
        u16(11, 2 if address.version == 4 else 10),
        stats(10, live.counters),
        stats64(12, live.counters),
    ]


def dest_reply(
    destination: Destination,
    live: DestinationStatistics = DestinationStatistics(),  # noqa: B008 - frozen
    order: Sequence[int] | None = None,
) -> bytes:
    parts = dest_attributes(destination, live)
    return message(5, attr(2, b"".join(parts if order is None else [parts[index] for index in order])))


def service_reply(service: VirtualService, counters: Counters = Counters()) -> bytes:  # noqa: B008 - frozen
    key = service.key
    mask = (
        struct.pack("=I", service.prefix)
        if key.family == 10
        else (
            -service.prefix if service.prefix < 0 else 0xFFFFFFFF << (32 - service.prefix) & 0xFFFFFFFF
        ).to_bytes(4, "big")
    )
    parts: Iterable[bytes] = (
        u16(1, key.family),
        u32(5, key.fwmark)
        if key.address is None
        else u16(2, key.protocol) + attr(3, key.address.packed.ljust(16, b"\0")) + be16(4, key.port),
        attr(6, service.scheduler.encode() + b"\0"),
        attr(11, service.pe_name.encode() + b"\0") if service.pe_name else b"",
        attr(7, struct.pack("=II", service.flags | 0x02, 0xFFFFFFFF)),  # the kernel reports HASHED
        u32(8, service.timeout),
        attr(9, mask),
        stats(10, counters),
        stats64(12, counters),
    )
    return message(1, attr(1, b"".join(parts)))


def tree(data: bytes) -> dict[int, bytes]:
    """Attribute type without its flags -> payload; every byte must be accounted for."""
    found: dict[int, bytes] = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        assert 4 <= length <= len(data)
        assert kind & 0x3FFF not in found
        found[kind & 0x3FFF] = data[4:length]
        padded = length + 3 & ~3
        assert not any(data[length:padded])
        data = data[padded:]
    return found
