"""Which of the kernel's messages tell that something of our table was deleted."""

from __future__ import annotations

import struct

import pytest

from clusterlb.drivers.nft.monitor import NAME, deletes

TABLE, CHAIN, RULE, GENERATION = 2, 5, 8, 15


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, *attributes: bytes, family: int = 1) -> bytes:
    body = struct.pack("=BBH", family, 0, 0) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), (10 << 8) | kind, 0, 0, 0) + body


@pytest.mark.parametrize("kind", [TABLE, CHAIN, RULE])
def test_a_table_a_chain_or_a_rule_of_ours(kind):
    assert deletes(message(kind, attribute(1, NAME)))
    assert deletes(message(kind, attribute(2, b"\0\0\0\1"), attribute(1, NAME)))
    assert deletes(
        message(GENERATION) + message(TABLE, attribute(1, b"filter\0")) + message(kind, attribute(1, NAME))
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        message(TABLE, attribute(1, b"filter\0")),
        message(TABLE, attribute(1, b"clusterlb_watch\0")),
        message(TABLE, attribute(1, NAME), family=2),
        message(TABLE, attribute(2, NAME)),
        message(0, attribute(1, NAME)),
        message(14, attribute(1, NAME)),
        message(GENERATION, attribute(1, b"\0\0\0\7")),
    ],
    ids=["nothing", "another", "like ours", "ip", "no name", "new", "an element", "the number"],
)
def test_what_is_not_ours_or_no_deletion(data):
    assert not deletes(data)


def test_what_is_cut_short_ends_nothing():
    whole = message(TABLE, attribute(1, NAME))
    for length in range(len(whole)):
        deletes(whole[:length])
    assert not deletes(struct.pack("=IHHII", 0, (10 << 8) | TABLE, 0, 0, 0))
    assert not deletes(message(TABLE, struct.pack("=HH", 0, 9), struct.pack("=HH", 0, 9)))
