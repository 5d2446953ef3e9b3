import errno
import socket

import pytest
from namespace import run_in_namespace
from probing import ELAPSED, make_key, observe, open_descriptors, probe_once

from clusterlb.checks.icmp import IcmpProbe, echo_request
from clusterlb.checks.probe import Result, UnsentError, make_probe
from clusterlb.model.check import CheckType, IcmpOptions
from clusterlb.model.health import ProbeKey

ECHOED = Result(True, f"echoed in {ELAPSED * 1000:.1f} ms")


def can_ping() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


real = pytest.mark.skipif(not can_ping(), reason="needs net.ipv4.ping_group_range or CAP_NET_RAW")


def key_of(address: str = "127.0.0.1", size: int = 56, timeout: float = 20.0) -> ProbeKey:
    return make_key(CheckType.ICMP, IcmpOptions(size), address, timeout=timeout)


@real
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("size", [0, 1, 56, 1000, 65000])
def test_the_loopback_echoes(address, size):
    assert probe_once(key_of(address, size)) == ECHOED


@real
def test_the_real_runner_tells_many_to_the_same_host_apart():
    keys = [key_of("127.0.0.1", size) for size in range(20)] + [key_of("::1", size) for size in range(20)]
    seen = observe(keys, 200)
    assert {key for key, _ in seen} == set(keys)
    assert all(observation.ok for _, observation in seen)


@real
def test_no_descriptor_is_left():
    before = open_descriptors()
    for address in ("127.0.0.1", "::1", "255.255.255.255"):
        try:
            probe_once(key_of(address), patience=1)
        except UnsentError:
            assert address == "255.255.255.255"
    assert open_descriptors() == before


BOTH_FAMILIES = """
from probing import *
from clusterlb.model.check import *
import socket, sys
kinds = []
socket_class = socket.socket
def note(family, kind, protocol=0):
    made = socket_class(family, kind, protocol)
    kinds.append("ping" if made.type == socket.SOCK_DGRAM else "raw")
    return made
socket.socket = note
for address in ("127.0.0.1", "::1", "10.9.9.2", "fd09::2", "10.8.8.8", "fd08::8"):
    key = make_key(CheckType.ICMP, IcmpOptions(), address)
    print(kinds[-1] if probe_once(key).ok else probe_once(key).detail)
"""


@pytest.mark.parametrize(("range_of_groups", "kind"), [("0 0", "ping"), ("1 0", "raw")])
def test_both_sorts_of_socket_hear_an_echo_and_that_a_host_is_not_there(range_of_groups, kind):
    lines = run_in_namespace(BOTH_FAMILIES, f"sysctl -qw net.ipv4.ping_group_range='{range_of_groups}'")
    assert lines == [
        kind,
        kind,
        "no route to host",
        "no route to host",
        "this director has no route to the member",
        "this director has no route to the member",
    ]


def test_a_director_that_may_not_ping_knows_nothing(monkeypatch):
    def deny(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(socket, "socket", deny)
    probe = make_probe(key_of())
    with pytest.raises(UnsentError) as caught:
        probe.start()
    probe.close()
    assert caught.value.name == "EPERM"


@pytest.mark.parametrize("payload", [b"", b"x", b"\xff" * 1001])
def test_the_checksum_makes_the_sum_of_all_words_all_ones(payload):
    packet = echo_request(8, b"\x12\x34\xff\xff", payload)
    padded = packet + b"\0" * (len(packet) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF


def replies(probe: IcmpProbe) -> dict[str, bytes]:
    """Return what may come back, without the IP header; all but ``own`` are for others."""
    sent = probe._sent
    return {
        "own": b"\0\0" + sent[2:],
        "its request": sent,
        "another id": b"\0\0\0\0" + bytes([sent[4] ^ 1]) + sent[5:],
        "another sequence": b"\0\0" + sent[2:6] + bytes([sent[6] ^ 1]) + sent[7:],
        "another payload": b"\0\0" + sent[2:-1] + b"?",
        "cut": (b"\0\0" + sent[2:])[:-1],
        "only a header": b"\0\0" + sent[2:8],
        "empty": b"",
    }


def test_a_raw_socket_takes_only_its_own_reply():
    probe = IcmpProbe(key_of())
    probe._raw = True
    probe._request()
    for what, reply in replies(probe).items():
        for options in (0, 40):
            header = bytes([0x45 + options // 4]) + bytes(19 + options)
            assert probe._judge(header + reply, ELAPSED) == (ECHOED if what == "own" else None)


def test_a_ping_socket_leaves_the_id_to_the_kernel():
    probe = IcmpProbe(key_of())
    probe._request()
    for what, reply in replies(probe).items():
        assert probe._judge(reply, ELAPSED) == (ECHOED if what in {"own", "another id"} else None)
