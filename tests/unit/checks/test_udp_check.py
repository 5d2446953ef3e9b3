import errno
import os
import socket

import pytest
from namespace import run_in_namespace
from probing import ELAPSED, advance, make_key, observe, open_descriptors, probe_once, run

from clusterlb.checks.probe import Result, UnsentError, make_probe
from clusterlb.model.check import CheckType, UdpOptions
from clusterlb.model.health import ProbeKey

BOTH = pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
ANSWERED = Result(True, f"answered in {ELAPSED * 1000:.1f} ms")


def server_on(family: int = socket.AF_INET, address: str = "127.0.0.1") -> socket.socket:
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.settimeout(20)
    server.bind((address, 0))
    return server


def key_of(server: socket.socket, send: str = "", expect: str = "", timeout: float = 20.0) -> ProbeKey:
    address, port = server.getsockname()[:2]
    return make_key(CheckType.UDP, UdpOptions(send, expect), address, port, timeout)


def converse(server: socket.socket, key: ProbeKey, *answers: bytes) -> tuple[bytes, Result]:
    """Run a probe, and return what the server got of it and what it came to."""
    probe = make_probe(key)
    try:
        progress = probe.start()
        question, client = server.recvfrom(65535)
        for answer in answers:
            server.sendto(answer, client)
        return question, advance(probe, progress, 20.0 if answers else 0.0) or probe.on_deadline()
    finally:
        probe.close()


@BOTH
def test_an_answer_that_matches_passes(family, address):
    with server_on(family, address) as server:
        key = key_of(server, "\x00\xffPING", "^PO.G$")
        assert converse(server, key, b"PONG") == (b"\x00\xffPING", ANSWERED)


def test_an_answer_that_does_not_match_fails_and_is_shown_without_its_control_characters():
    with server_on() as server:
        _, result = converse(server, key_of(server, "PING", "PONG"), b"\x1b[2JBUSY\xff")
        assert result == Result(False, "the answer does not match: '\\x1b[2JBUSY\\xff'")


@pytest.mark.parametrize("answer", [b"", b"anything"])
def test_any_answer_passes_at_once_where_none_is_asked_for(answer):
    with server_on() as server:
        assert converse(server, key_of(server), answer) == (b"", ANSWERED)


def test_the_whole_of_a_huge_answer_is_searched():
    with server_on() as server:
        _, result = converse(server, key_of(server, "x", "end$"), b"x" * 65000 + b"end")
        assert result == ANSWERED


@BOTH
@pytest.mark.parametrize("expect", ["", "PONG"])
def test_a_closed_port_is_refused(family, address, expect):
    with server_on(family, address) as server:
        key = key_of(server, "PING", expect)
    assert probe_once(key) == Result(False, "port unreachable: nothing listens there")


def test_silence_passes_only_where_no_answer_is_asked_for():
    with server_on() as server:
        _, result = converse(server, key_of(server, timeout=3))
        assert result == Result(True, "not refused within 3 s; no answer was asked for")
        _, result = converse(server, key_of(server, expect="PONG", timeout=3))
        assert result == Result(False, "timed out after 3 s")


def test_what_comes_from_elsewhere_is_not_heard():
    with server_on() as server, server_on() as stranger:
        probe = make_probe(key_of(server, "PING", "PONG"))
        progress = probe.start()
        _, client = server.recvfrom(100)
        stranger.sendto(b"PONG", client)
        server.sendto(b"BUSY", client)
        assert advance(probe, progress) == Result(False, "the answer does not match: 'BUSY'")
        probe.close()


class Failing:
    """A socket whose connect, send or recv fails with an errno."""

    family = socket.AF_INET

    def __init__(self, where: str, number: int) -> None:
        self._where, self._number = where, number
        self._ready = os.eventfd(1)

    def _do(self, what: str) -> None:
        if what == self._where:
            raise OSError(self._number, "no")

    def setsockopt(self, *_: object) -> None: ...

    def connect(self, _: object) -> None:
        self._do("connect")

    def send(self, _: object) -> None:
        self._do("send")

    def recv(self, _: object) -> bytes:
        self._do("recv")
        return b""

    def fileno(self) -> int:
        return self._ready

    def close(self) -> None:
        os.close(self._ready)


@pytest.mark.parametrize(
    ("where", "number", "scarce"),
    [
        ("connect", errno.EAGAIN, False),
        ("send", errno.EPERM, False),
        ("send", errno.EMSGSIZE, False),
        ("send", errno.ENOBUFS, True),
        ("recv", errno.ENOMEM, True),
    ],
)
def test_the_directors_own_errors_are_no_result(monkeypatch, where, number, scarce):
    monkeypatch.setattr("clusterlb.checks.connect.Socket", lambda *_: Failing(where, number))
    probe = make_probe(make_key(CheckType.UDP, UdpOptions(), "192.0.2.1", 9))
    with pytest.raises(UnsentError) as caught:
        run(probe)
    assert (caught.value.name, caught.value.scarce) == (errno.errorcode[number], scarce)


@pytest.mark.parametrize(
    ("where", "number", "detail"),
    [
        ("connect", errno.ENETUNREACH, "this director has no route to the member"),
        ("recv", errno.ENETUNREACH, "network unreachable, says a router on the path"),
        ("recv", errno.EPROTO, "protocol error"),
    ],
)
def test_errors_about_the_way_are_the_members(monkeypatch, where, number, detail):
    monkeypatch.setattr("clusterlb.checks.connect.Socket", lambda *_: Failing(where, number))
    probe = make_probe(make_key(CheckType.UDP, UdpOptions(), "192.0.2.1", 9))
    assert run(probe) == Result(False, detail)


ABSENT = """
from probing import *
from clusterlb.model.check import *
print(probe_once(make_key(CheckType.UDP, UdpOptions(), "10.9.9.2", 9)).detail)
print(probe_once(make_key(CheckType.UDP, UdpOptions(), "10.8.8.8", 9)).detail)
"""


def test_a_host_that_answers_no_arp_is_down_even_where_no_answer_is_asked_for():
    assert run_in_namespace(ABSENT) == ["no route to host", "this director has no route to the member"]


def test_the_real_runner_runs_it_again_and_again():
    with server_on() as server:
        silent = key_of(server, "x", timeout=0.05)
        seen = observe([silent], 3)
        assert {seen.detail for _, seen in seen} == {"not refused within 0.05 s; no answer was asked for"}
    assert {seen.ok for _, seen in observe([silent], 2)} == {False}


def test_no_descriptor_is_left():
    with server_on() as server:
        before = open_descriptors()
        for _ in range(3):
            converse(server, key_of(server, "x"), b"y")
            converse(server, key_of(server, "x"))
        assert open_descriptors() == before
    run(make_probe(make_key(CheckType.UDP, UdpOptions(), "127.0.0.1", 1)))
    assert open_descriptors() == before - 1
