"""Parts of the protobuf wire format that health checks use (protobuf.dev, programming-guides/encoding)."""

from __future__ import annotations

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def bytes_field(number: int, value: bytes) -> bytes:
    """Return an encoded string or bytes field; proto3 leaves out an empty one."""
    if not value:
        return b""
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def last_varint(message: bytes, number: int) -> int:
    """Return the last occurrence of an enum or integer field in a message, 0 if the field is absent.

    Other fields are skipped. Raises ValueError for a message that is not well formed.
    """
    value = position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        kind = tag & 7
        if kind == VARINT:
            found, position = _read_varint(message, position)
            value = found if tag >> 3 == number else value
        elif kind == BYTES:
            length, position = _read_varint(message, position)
            position += length
        elif kind in (FIXED32, FIXED64):
            position += 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind}")
    if position > len(message):
        raise ValueError("cut short")
    return value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("cut short")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than ten bytes")
