import errno
import os
import socket
from pathlib import Path

import pytest
from probing import make_key, observe, open_descriptors, run
from stream_members import (
    check,
    dripping,
    flooding,
    free_port,
    hang_up,
    member,
    observe_passes,
    reset,
    reset_after,
    saying,
    silent,
)

from clusterlb.checks.probe import Result, UnsentError, make_probe
from clusterlb.checks.stream import READ_LIMIT, StreamProbe
from clusterlb.checks.tcp import TcpProbe
from clusterlb.model.check import CheckType, TcpOptions, TlsOptions

PING = TcpOptions(send="PING\r\n", expect="^\\+PONG")


def ask(port: int, options: TcpOptions = PING, timeout: float = 10.0, address: str = "127.0.0.1") -> Result:
    return check(CheckType.TCP, options, port, timeout, address)


def names(result: Result) -> list[str]:
    return [name for name, _ in result.phases]


def test_options_choose_between_the_bare_connection_and_the_dialogue():
    assert isinstance(make_probe(make_key(CheckType.TCP, TcpOptions(), port=1)), TcpProbe)
    for options in (TcpOptions(send="x"), TcpOptions(expect="x"), TcpOptions(tls=TlsOptions())):
        assert isinstance(make_probe(make_key(CheckType.TCP, options, port=1)), StreamProbe)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_expected_answer_passes_with_its_phases_in_order(address):
    with member(saying(b"+PO", b"NG\r\n"), address) as port:
        result = ask(port, address=address)
    assert result.ok
    assert result.detail.startswith("answered as expected in ")
    assert names(result) == ["connected", "sent", "first byte", "answered"]
    times = [at for _, at in result.phases]
    assert times == sorted(times)


def test_what_is_sent_arrives_byte_by_byte_as_it_was_written():
    heard = []

    def handle(connection: socket.socket) -> None:
        heard.append(connection.recv(100))
        connection.sendall(b"\xff\x00ok")

    with member(handle) as port:
        assert ask(port, TcpOptions(send="\x00\xfe\r\n", expect="\xff\x00ok$")).ok
    assert heard == [b"\x00\xfe\r\n"]


def test_a_greeting_is_heard_without_a_word():
    with member(saying(b"SSH-2.0-OpenSSH_9.2\r\n", hear=False)) as port:
        assert ask(port, TcpOptions(expect="^SSH-2")).ok


def test_sending_alone_passes_when_all_is_sent():
    with member(silent) as port:
        result = ask(port, TcpOptions(send="x" * 3_000_000))
    assert result.ok
    assert result.detail.startswith("sent 3000000 bytes in ")
    assert names(result) == ["connected", "sent", "answered"]


def test_sending_alone_to_a_member_that_hangs_up_on_it_fails():
    with member(reset) as port:
        result = ask(port, TcpOptions(send="x" * 20_000_000))
    assert result.detail.startswith("connection reset")
    assert not result.ok


def test_no_connection_stays_in_time_wait():
    with member(saying(b"+PONG\r\n", then=hang_up)) as port:
        for _ in range(3):
            assert ask(port).ok
        rows = [row.split()[1:4] for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        assert [row for row in rows if f":{port:04X}" in row[0] + row[1] and row[2] == "06"] == []


@pytest.mark.parametrize(
    ("handler", "detail"),
    [
        (
            saying(b"-LOADING\r\n", then=hang_up),
            "closed the connection: no match for '^\\\\+PONG' in '-LOADING",
        ),
        (hang_up, "closed the connection: no match for '^\\\\+PONG' in nothing"),
        (reset_after(1), "connection reset while waiting for the first byte of an answer"),
        (reset_after(1, b"-"), "connection reset while waiting for "),
        (flooding(b"", b"x" * 65536, 1000), "no match for '^\\\\+PONG' in the first 16384 bytes"),
    ],
)
def test_what_is_not_the_answer_fails_with_its_reason(handler, detail):
    with member(handler) as port:
        result = ask(port)
    assert not result.ok
    assert result.detail.startswith(detail)


@pytest.mark.parametrize(
    ("handler", "awaited"),
    [
        (silent, "the first byte of an answer"),
        (dripping(b"-" * 10000, pause=0.02), "a match for '^\\\\+PONG' in '-"),
        (saying(b"-LOADING"), "a match for '^\\\\+PONG' in '-LOADING'"),
    ],
)
def test_a_member_that_takes_its_time_fails_by_the_total_deadline(handler, awaited):
    with member(handler) as port:
        result = ask(port, timeout=0.5)
    assert not result.ok
    assert result.detail.startswith(f"timed out after 0.5 s waiting for {awaited}")
    assert names(result)[:2] == ["connected", "sent"]


def test_a_refused_connection():
    result = ask(free_port())
    assert (result.ok, result.detail) == (False, "connection refused")


def test_a_black_hole_fails_for_want_of_a_connection():
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as server,
        socket.create_connection(server.getsockname()),
    ):
        result = ask(server.getsockname()[1], timeout=0.2)
    assert (result.ok, result.detail) == (False, "timed out after 0.2 s waiting for the connection")
    assert result.phases == ()


def test_what_a_run_reads_is_bounded():
    class Endless:
        awaits = "the end"

        def begin(self) -> bytes:
            return b"x"

        def receive(self, data: bytes) -> bytes:
            return b""

        def end_of_file(self) -> Result:
            return Result(False, "ended")

    with member(flooding(b"", b"y" * 65536, 1000)) as port:
        result = run(StreamProbe(make_key(CheckType.TCP, PING, port=port), Endless))
    assert result.detail == f"sent more than {READ_LIMIT} bytes; still waiting for the end"


def test_the_member_is_heard_out_when_it_will_not_listen():
    # It answers and closes without reading: our write fails or not, its answer decides.
    with member(saying(b"+PONG\r\n", hear=False, then=lambda _: None)) as port:
        for _ in range(5):
            result = ask(port)
            assert result.ok or result.detail.startswith("connection reset")


def test_shortage_on_the_way_is_no_result(monkeypatch):
    with member(saying(b"+PONG")) as port:
        probe = make_probe(make_key(CheckType.TCP, PING, port=port))
        monkeypatch.setattr("clusterlb.checks.connect.Socket", Starved)
        with pytest.raises(UnsentError) as caught:
            probe.start()
        probe.close()
    assert caught.value.scarce


class Starved(socket.SocketType):
    def setsockopt(self, *_: object) -> None:
        raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))


def test_no_ending_leaves_a_descriptor_behind():
    before = open_descriptors()
    for handler in (silent, reset, reset_after(1), hang_up, saying(b"+PONG"), saying(b"-"), dripping(b"---")):
        with member(handler) as port:
            ask(port, timeout=0.2)
            ask(port, TcpOptions(send="x", tls=TlsOptions()), timeout=0.2)
    assert open_descriptors() == before


def test_the_real_runner_runs_it_again_and_again():
    with member(saying(b"+PONG\r\n", then=hang_up)) as port:
        observe_passes(CheckType.TCP, PING, port, count=10)


def test_a_slow_drip_fails_by_the_runners_total_deadline():
    with member(dripping(b"-" * 1000, pause=0.02)) as port:
        seen = observe([make_key(CheckType.TCP, PING, port=port, timeout=0.4)], 2)
    for _, observation in seen:
        assert not observation.ok
        assert observation.detail.startswith("timed out after 0.4 s waiting for a match for ")
