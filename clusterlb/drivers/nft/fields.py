"""One field of a key, or a value: the numbers that it covers, and the form in which nft prints it.

From nftables' src/datatype.c and src/expression.c; nft reads more forms than it prints. Fields of types
outside BITS are kept as they are.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

# A small host may have no /etc/protocols.
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp"}
BITS = {"ipv4_addr": 32, "ipv6_addr": 128, "inet_proto": 8, "inet_service": 16, "mark": 32}
_NUMBERS = {name: number for number, name in PROTOCOLS.items()}
_ADDRESSES = {"ipv4_addr": IPv4Address, "ipv6_addr": IPv6Address}


def spelled(kind: str, number: int) -> str:
    """Write one value of a type in BITS."""
    match kind:
        case "ipv4_addr" | "ipv6_addr":
            return str(_ADDRESSES[kind](number))
        case "inet_proto":
            return PROTOCOLS.get(number, str(number))
        case "mark":
            return f"0x{number:08x}"
        case _:
            return str(number)


def span(kind: str, text: str) -> tuple[int, int]:
    """Return the first and last value of a single value, a prefix or a range; ValueError for other text."""
    if text in _NUMBERS:  # before the range: ipv6-icmp has a dash
        return _NUMBERS[text], _NUMBERS[text]
    start, slash, length = text.partition("/")
    if slash:
        first, size = _number(kind, start), 1 << BITS[kind] - int(length)
        if first % size:
            raise ValueError(f"{text} has host bits set")
        return first, first + size - 1
    start, dash, end = text.partition("-")
    first = _number(kind, start)
    last = _number(kind, end) if dash else first
    if last < first:
        raise ValueError(f"{text} ends before it starts")
    return first, last


def canonical(kind: str, text: str) -> str:
    """Return the text that nft prints for a field; ValueError when it cannot be of this type."""
    if kind not in BITS:
        return text
    first, last = span(kind, text)
    if first == last:
        return spelled(kind, first)
    size = last - first + 1
    if kind in _ADDRESSES and size & (size - 1) == 0 and first % size == 0:
        return f"{spelled(kind, first)}/{BITS[kind] - size.bit_length() + 1}"
    if kind == "inet_proto":
        return f"{first}-{last}"  # nft prints numbers in a range
    return f"{spelled(kind, first)}-{spelled(kind, last)}"


def _number(kind: str, text: str) -> int:
    if kind in _ADDRESSES:
        return int(_ADDRESSES[kind](text))
    number = int(text, 0)
    if not 0 <= number < 1 << BITS[kind]:
        raise ValueError(f"{text} is out of range")
    return number
