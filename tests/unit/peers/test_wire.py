"""The peer channel's messages: what is written is read, and what nobody writes is refused."""

from contextlib import suppress
from ipaddress import ip_address
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.model.anchor import Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, Protocol
from clusterlb.peers.wire import (
    AT_ONCE,
    LARGEST,
    SERVICES,
    Complete,
    Hello,
    PeerTables,
    Sightings,
    Taken,
    WireError,
    decode,
    encode,
    encode_sightings,
)

NOW = 1_000_000.0
PORT = st.integers(0, 65535)
MEMBERS = st.one_of(
    st.none(),
    st.builds(DestinationKey, st.ip_addresses(), PORT),
)


def sightings(version):
    address = st.ip_addresses(v=version)
    flow = st.builds(Flow, st.sampled_from([Protocol.TCP, Protocol.UDP]), address, PORT, address, PORT)
    ages = st.integers(0, 100_000)
    return st.builds(lambda flow, to, age: Sighting(flow, to, NOW - age), flow, MEMBERS, ages)


@given(st.lists(st.one_of(sightings(4), sightings(6)), max_size=50), st.floats(0, 1e6))
def test_sightings_are_read_as_they_were_written_in_the_clock_of_who_reads(seen, there):
    numbers = count(7)
    messages = [decode(data, there) for data in encode_sightings(seen, numbers, NOW)]
    read = [each for message in messages for each in message.seen]
    expected = [each for version in (4, 6) for each in seen if each.flow.vip.version == version]
    assert [each[:2] for each in read] == [each[:2] for each in expected]
    assert [there - each.at for each in read] == pytest.approx([NOW - each.at for each in expected])
    assert [message.number for message in messages] == list(range(7, 7 + len(messages)))


def test_a_message_has_no_more_than_its_share():
    flow = Flow(Protocol.TCP, ip_address("2001:db8::1"), 1, ip_address("2001:db8::2"), 80)
    member = DestinationKey(ip_address("2001:db8::3"), 80)
    seen = [Sighting(flow, member._replace(port=n % 65536), NOW) for n in range(2 * AT_ONCE + 1)]
    messages = list(encode_sightings(seen, count(1), NOW))
    assert [len(decode(data, NOW).seen) for data in messages] == [AT_ONCE, AT_ONCE, 1]
    assert max(map(len, messages)) < LARGEST


def test_nothing_is_later_than_now_nor_older_than_a_number_can_say():
    flow = Flow(Protocol.UDP, ip_address("10.0.0.1"), 1, ip_address("10.0.0.2"), 53)
    for at, expected in ((NOW + 5, NOW), (NOW - 1e12, NOW - 0xFFFFFFFF)):
        (data,) = encode_sightings([Sighting(flow, None, at)], count(1), NOW)
        assert decode(data, NOW) == Sightings(1, (Sighting(flow, None, expected),))


@pytest.mark.parametrize(
    "message",
    [Hello(1, "lab", "d1"), PeerTables({"tcp 10.0.0.1:80": "abc"}), Complete(joined=True), Taken(9)],
    ids=lambda message: type(message).__name__,
)
def test_other_messages_are_read_as_they_were_written(message):
    assert decode(encode(message), NOW) == message


def test_a_kind_that_nobody_knows_here_is_passed_over():
    assert decode(b"Zwhatever", NOW) is None
    assert decode(b"", NOW) is None


@given(st.sampled_from([b"H", b"T", b"C", b"A", b"4", b"6"]), st.binary(max_size=200))
def test_what_nobody_writes_is_an_error_of_its_own_or_a_message(kind, content):
    with suppress(WireError):
        decode(kind + content, NOW)


HEAD = (1).to_bytes(4, "big")


@pytest.mark.parametrize(
    "data",
    [
        b"H{}",
        b'H{"version":true,"cluster":"a","director":"b"}',
        b'H{"version":1,"cluster":"a","director":1}',
        b'H{"version":4294967296,"cluster":"a","director":"b"}',
        b'H{"version":1,"cluster":"' + b"a" * 300 + b'","director":"b"}',
        b"T" + b"[" * 100_000,
        b'T{"a":1}',
        encode(PeerTables({str(n): "a" for n in range(SERVICES + 1)})),
        b"A{}",
        b"4" + HEAD,
        b"4" + HEAD + (2).to_bytes(4, "big") + b"{}",
        b"4" + HEAD + (2).to_bytes(4, "big") + b"[]" + b"\x06",
        b"4" + HEAD + (2).to_bytes(4, "big") + b"[]" + bytes(19),
        b"4" + HEAD + (2).to_bytes(4, "big") + b"[]" + b"\x06" + bytes(18),
        b"4" + HEAD + (5).to_bytes(4, "big") + b'["a"]',
        b"6" + HEAD + (2).to_bytes(4, "big") + b"[]" + bytes(43 * (AT_ONCE + 1)),
    ],
    ids=list("abcdefghijklmnop"),
)
def test_a_message_that_is_wrong_is_refused(data):
    with pytest.raises(WireError):
        decode(data, NOW)
