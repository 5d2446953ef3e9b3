"""What no kernel of ours sends, and what a kernel without connection tracking says."""

import struct
from errno import EAGAIN, EPERM
from ipaddress import ip_address

import pytest
from conntrack_entries import attribute, nest, ports, reply_tuple

from clusterlb.drivers.conntrack import KernelConntrack
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.netlink import socket as netlink
from clusterlb.model.port_use import AddressUse, ConntrackFailures, Remote

OWN, OWN6 = ip_address("10.100.1.1"), ip_address("fd00:100:1::1")
SERVER, SERVER6 = ip_address("10.2.0.101"), ip_address("fd00:2::101")
CLIENT = ip_address("10.3.0.1")
REMOTE = Remote(6, SERVER, 80)
DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)


class Kernel:
    """A socket that answers a dump with what it is given."""

    def __init__(self, *reads):
        self.reads, self.sent = list(reads), []

    def setsockopt(self, *_):
        return None

    def close(self):
        return None

    def send(self, data):
        self.sent.append(data)

    def recv(self, size, flags):
        found = self.reads.pop(0)
        if isinstance(found, OSError):
            raise found
        return found


@pytest.fixture
def kernel(monkeypatch):
    def answer(*reads):
        made = Kernel(*reads)
        monkeypatch.setattr(netlink, "_opened", lambda *_: made)
        return made

    return answer


def message(*attributes, kind=0x100):
    body = bytes(4) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def entry(own=OWN, server=SERVER, port=5000, state=3, proto=None, before=(), after=()):
    client = CLIENT if own.version == 4 else OWN6
    return message(
        *before,
        reply_tuple(1, client, server, *ports(6, 4000, 80)),
        reply_tuple(2, server, own, *(proto or ports(6, 80, port))),
        *after,
        attribute(3, bytes(4)),
        nest(4, nest(1, attribute(1, bytes([state])))),
    )


def test_only_translated_sources_are_asked_for(kernel):
    made = kernel(DONE)
    assert KernelConntrack().port_use([OWN]) == {OWN: AddressUse()}
    (sent,) = made.sent
    assert struct.unpack_from("=IHH", sent) == (28, 0x101, 0x301)
    assert sent[20:] == attribute(3, (16).to_bytes(4, "big"))


def test_entries_of_both_families_over_many_reads(kernel):
    kernel(
        entry(port=1) + entry(port=2) + entry(own=CLIENT),
        entry(OWN6, SERVER6) + entry(port=3, server=CLIENT),
        entry(port=4, after=[attribute(18, bytes(2))]) + DONE,  # in a zone
    )
    assert KernelConntrack().port_use([OWN, OWN6]) == {
        OWN: AddressUse(4, 3, REMOTE),
        OWN6: AddressUse(1, 1, Remote(6, SERVER6, 80)),
    }


def test_protocols_without_ports_are_connections_and_use_none(kernel):
    esp = (attribute(1, bytes([50])),)
    ping = attribute(1, bytes([1])), attribute(4, bytes(2)), attribute(5, b"\0"), attribute(6, b"\0")
    kernel(entry(proto=esp) + entry(proto=esp) + entry(proto=ping) + DONE)
    assert KernelConntrack().port_use([OWN]) == {OWN: AddressUse(3)}


def test_what_is_over_is_no_flow(kernel):
    states = [entry(state=state) for state in range(10)]
    kernel(b"".join(states) + entry(own=CLIENT) + DONE)
    assert KernelConntrack().flows_of([OWN]) == 8


def test_the_counters_of_all_processors_are_added(kernel):
    def counted(*numbers):
        rows = [attribute(kind, number.to_bytes(4, "big")) for kind, number in enumerate(numbers, 8)]
        return message(*rows, kind=0x104)

    kernel(counted(1, 2, 3, 4, 5) + counted(10, 20, 30, 40, 50) + DONE)
    assert KernelConntrack().failures() == ConntrackFailures(22, 33, 44)


@pytest.mark.parametrize(
    "answer",
    [
        struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -EPERM),
        struct.pack("=IHHIIi", 20, 3, 2, 1, 0, -EPERM),
        PermissionError(EPERM, "Operation not permitted"),
    ],
)
def test_a_refusal_says_what_is_missing(kernel, answer):
    kernel(answer)
    with pytest.raises(DriverError, match=r"Operation not permitted.*CAP_NET_ADMIN.*modprobe"):
        KernelConntrack().port_use([OWN])


def test_silence_is_an_error(kernel):
    kernel(entry(), BlockingIOError(EAGAIN, "silence"))
    with pytest.raises(DriverError, match="timed out"):
        KernelConntrack().flows_of([OWN])


UNKNOWN = {
    "no reply tuple": message(attribute(3, bytes(4)), attribute(3, bytes(4))),
    "another attribute first": entry(before=[attribute(3, bytes(4))]),
    "a tuple that begins with the ports": message(
        reply_tuple(1, CLIENT, SERVER, *ports(6, 1, 2)), nest(2, nest(2, *ports(6, 1, 2)))
    ),
    "a reply tuple longer than its entry": message(reply_tuple(1, CLIENT, SERVER), struct.pack("=HH", 99, 2)),
    "nothing at all": message(),
    "half an attribute": message(reply_tuple(1, CLIENT, SERVER), bytes(2)),
    "a message longer than its buffer": entry()[:-4],
    "a message shorter than its header": struct.pack("=IHHII", 8, 0x100, 0, 0, 0) + bytes(8),
}


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_understood_is_an_error_and_no_wrong_number(kernel, data):
    kernel(data + DONE)
    with pytest.raises(DriverError, match="unknown order"):
        KernelConntrack().port_use([OWN])
