"""What is packed is what is read, and no bytes make the codec hang or raise anything but its own error."""

from __future__ import annotations

import struct
from collections import deque
from contextlib import suppress
from errno import EAGAIN, EBADMSG
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterlb.drivers.conntrack import KernelConntrack
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.netlink import socket as netlink
from clusterlb.drivers.netlink.codec import HEADER, NetlinkError, attribute, attributes, messages, parse
from clusterlb.drivers.netlink.socket import NetlinkSocket
from clusterlb.drivers.nft import monitor
from clusterlb.drivers.nft.monitor import deletes
from clusterlb.drivers.peers import read_peers
from clusterlb.drivers.rtnetlink import RouteSocket
from clusterlb.lab.routes import parse_route
from clusterlb.model.address import AddressFamily

KIND = st.integers(0, 0x3FFF)
FLAGS = st.sampled_from([0, 0x4000, 0x8000])
ROWS = st.lists(st.tuples(KIND, FLAGS, st.binary(max_size=40)), max_size=8)
MESSAGE = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 3), st.binary(max_size=60))
MOST_READS = 1000


def packed(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return HEADER.pack(16 + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


# near a netlink message: whole ones, cut short, with one byte changed
NEARLY = st.builds(
    lambda rows, cut, place, byte: _spoiled(b"".join(packed(*row) for row in rows), cut, place, byte),
    st.lists(MESSAGE, max_size=5),
    st.integers(0, 40),
    st.integers(0, 200),
    st.none() | st.integers(0, 255),
)
BYTES = st.binary(max_size=300) | NEARLY


def _spoiled(data: bytes, cut: int, place: int, byte: int | None) -> bytes:
    data = data[: len(data) - cut] if cut < len(data) else data
    if byte is None or place >= len(data):
        return data
    return data[:place] + bytes([byte]) + data[place + 1 :]


class Hostile:
    """A kernel that answers with what it is given, then with silence."""

    def __init__(self, reads: list[bytes]) -> None:
        self.reads = deque(reads)
        self.asked = 0

    def setsockopt(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def send(self, data: bytes) -> int:
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        self.asked += 1
        assert self.asked < MOST_READS, "it reads for ever"
        if self.reads:
            return self.reads.popleft()
        raise BlockingIOError(EAGAIN, "silence")


@given(ROWS)
def test_attributes_are_read_as_they_were_packed(rows: list[tuple[int, int, bytes]]) -> None:
    data = b"".join(attribute(kind | flags, payload) for kind, flags, payload in rows)
    assert len(data) % 4 == 0
    assert attributes(data) == {kind: payload for kind, _, payload in rows}


@given(st.lists(MESSAGE, max_size=6))
def test_messages_are_found_where_they_were_packed(rows: list[tuple[int, int, int, bytes]]) -> None:
    data = b"".join(packed(*row) for row in rows)
    found = [
        (kind, flags, sequence, data[start + 16 : end])
        for start, end, kind, flags, sequence in messages(data)
    ]
    assert found == rows


@given(BYTES)
@example(bytes(16))
@example(struct.pack("=IHHII", 16, 2, 0, 1, 0))
@example(struct.pack("=IHHIIi", 20, 2, 0x200, 1, 0, -1))
@example(struct.pack("=IHHIIiI", 24, 2, 0x200, 1, 0, -1, 0xFFFFFFFF))
def test_no_bytes_hang_a_question_a_dump_or_a_batch(data: bytes) -> None:
    """Each ends with an answer or a NetlinkError, for the first bytes and for the same bytes again."""
    for call in (
        lambda opened: opened.ask(30, b""),
        lambda opened: opened.dump(30, b""),
        lambda opened: opened.batch([(30, 0, b"")] * 3),
    ):
        with patch.object(netlink, "_opened", lambda *_: Hostile([data] * 3)), suppress(NetlinkError):
            call(NetlinkSocket(0))


@given(BYTES, st.integers(0, 60))
def test_no_bytes_are_attributes_beyond_their_end(data: bytes, start: int) -> None:
    with suppress(NetlinkError):
        found = attributes(data, start)
        assert sum(4 + len(payload) for payload in found.values()) <= max(0, len(data) - start)


@given(st.binary(max_size=20), st.sampled_from(["=BBH", "=BBBBBBBBI", "=BBBBI"]))
def test_a_header_cut_short_is_an_error(body: bytes, form: str) -> None:
    header = struct.Struct(form)
    data = packed(24, 0, 1, body)
    if len(body) < header.size:
        with pytest.raises(NetlinkError) as raised:
            parse(header, (data, 0, 16 + len(body)))
        assert raised.value.errno == EBADMSG


@given(st.lists(BYTES, max_size=3))
def test_no_bytes_hang_a_reader_or_raise_what_its_callers_do_not_expect(reads: list[bytes]) -> None:
    def opened(*_: object) -> Hostile:
        return Hostile([*reads])

    with patch.object(netlink, "_opened", opened):
        assert monitor.generation() is None or any(len(data) > 27 for data in reads)
        for read in (
            lambda routes: routes.addresses(1),
            lambda routes: routes.local_routes(AddressFamily.IPV4, 210),
            lambda routes: routes.host_routes(AddressFamily.IPV6, 1),
            lambda routes: list(read_peers(routes)),
        ):
            with suppress(OSError):
                read(RouteSocket())
        conntrack = KernelConntrack()
        for count in (conntrack.failures, lambda: conntrack.port_use([]), lambda: conntrack.flows_of([])):
            with suppress(DriverError):
                count()
    for data in reads:
        assert deletes(data) in (True, False)
        with suppress(NetlinkError):
            parse_route((data, 0, len(data)))
