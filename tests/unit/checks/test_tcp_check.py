import errno
import select
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from clusterlb.checks.probe import Result, UnsentError, Wait
from clusterlb.checks.tcp import TcpProbe
from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey


def probe_of(address: str, port: int, timeout: float = 1.0) -> TcpProbe:
    return TcpProbe(ProbeKey(Endpoint(ip_address(address), port), ProbeSpec(timeout=timeout)))


def run(probe: TcpProbe, wait: float = 5.0) -> Result:
    try:
        progress = probe.start()
        if isinstance(progress, Wait):
            poll = select.poll()
            poll.register(progress.fd, progress.events)
            events = poll.poll(wait * 1000)
            progress = probe.on_event(events[0][1], 0.00042) if events else probe.on_deadline()
        assert isinstance(progress, Result)
        return progress
    finally:
        probe.close()


def free_port(family: int, address: str) -> int:
    with socket.socket(family) as holder:
        holder.bind((address, 0))
        return holder.getsockname()[1]


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_listening_member_passes_and_its_program_hears_nothing(family, address):
    with socket.create_server((address, 0), family=family) as server:
        port = server.getsockname()[1]
        probe = probe_of(address, port)
        for _ in range(3):
            assert run(probe) == Result(True, "connected in 0.4 ms")
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            # local and remote address, then state: 06 is TIME_WAIT
            rows = [row.split()[1:4] for row in Path(table).read_text().splitlines()[1:]]
            assert [row for row in rows if f":{port:04X}" in row[0] + row[1] and row[2] == "06"] == []


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_closed_port_is_refused(family, address):
    assert run(probe_of(address, free_port(family, address))) == Result(False, "connection refused")


def test_a_member_that_drops_the_syn_times_out():
    # One more connection than the backlog fills the accept queue; from then on SYNs are dropped.
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as server,
        socket.create_connection(server.getsockname()),
    ):
        probe = probe_of(*server.getsockname(), timeout=0.2)
        assert run(probe, wait=0.2) == Result(False, "timed out after 0.2 s")


def test_no_route_is_about_the_member_and_says_whose_route_is_missing():
    assert run(probe_of("255.255.255.255", 9)) == Result(False, "this director has no route to the member")


class Answering:
    """A socket whose connect answers as told."""

    def __init__(self, at_once: int, later: int = 0) -> None:
        self.at_once, self.later, self.closed = at_once, later, False

    def setsockopt(self, *_: object) -> None: ...

    def connect_ex(self, _: object) -> int:
        return self.at_once

    def getsockopt(self, *_: object) -> int:
        return self.later

    def fileno(self) -> int:
        return 99

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "number", [errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.EINVAL]
)
def test_the_directors_own_errors_are_no_result(monkeypatch, number):
    fake = Answering(number)
    monkeypatch.setattr("clusterlb.checks.connect.Socket", lambda *_: fake)
    probe = probe_of("192.0.2.1", 80)
    with pytest.raises(UnsentError) as caught:
        probe.start()
    probe.close()
    assert caught.value.name == errno.errorcode[number]
    assert caught.value.scarce == (number in (errno.ENOBUFS, errno.ENOMEM))
    assert fake.closed


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EAFNOSUPPORT])
def test_a_socket_that_cannot_be_had_is_no_result(monkeypatch, number):
    def fail(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("clusterlb.checks.connect.Socket", fail)
    probe = probe_of("192.0.2.1", 80)
    with pytest.raises(UnsentError) as caught:
        probe.start()
    probe.close()
    assert caught.value.scarce == (number != errno.EAFNOSUPPORT)


def test_a_scope_that_does_not_exist_is_no_result():
    probe = probe_of("fe80::1%nosuchif", 80)
    with pytest.raises(UnsentError):
        probe.start()
    probe.close()


@pytest.mark.parametrize(
    ("number", "detail"),
    [
        (errno.EHOSTUNREACH, "no route to host"),
        (errno.ENETUNREACH, "network unreachable, says a router on the path"),
        (errno.ECONNRESET, "connection reset"),
        (errno.EPROTO, "protocol error"),
    ],
)
def test_errors_that_arrive_later_are_the_networks(monkeypatch, number, detail):
    monkeypatch.setattr("clusterlb.checks.connect.Socket", lambda *_: Answering(errno.EINPROGRESS, number))
    probe = probe_of("192.0.2.1", 80)
    assert probe.start() == Wait(99, select.EPOLLOUT)
    assert probe.on_event(select.EPOLLERR | select.EPOLLHUP, 0.1) == Result(False, detail)
    probe.close()


def test_lack_of_memory_that_shows_later_is_no_result(monkeypatch):
    monkeypatch.setattr(
        "clusterlb.checks.connect.Socket", lambda *_: Answering(errno.EINPROGRESS, errno.ENOBUFS)
    )
    probe = probe_of("192.0.2.1", 80)
    probe.start()
    with pytest.raises(UnsentError):
        probe.on_event(select.EPOLLERR, 0.1)
    probe.close()
