import asyncio
import contextlib
import io
import json
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from clusterlb.lab import exchange as module
from clusterlb.lab.exchange import TRIES, Cell, main, perform, read_result
from clusterlb.lab.server import LARGEST, RealServer

pytestmark = pytest.mark.behaviour

CLIENTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
VIP = "127.0.0.9"
RESET = struct.pack("ii", 1, 0)  # struct linger: close by RST
FAST = {"seconds": 0.3, "transfer_seconds": 0.3}  # where nobody answers


@pytest.fixture
def server():
    served = RealServer("r1", [0], [0])
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            served.step(0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    yield served
    ended.set()
    thread.join()
    served.close()


@contextlib.contextmanager
def peer(body, kind=socket.SOCK_STREAM) -> Iterator[int]:
    """Be a server of another kind: ``body`` gets its socket, in a thread; yield the port."""
    with socket.socket(socket.AF_INET, kind) as opened:
        opened.settimeout(10)
        opened.bind((VIP, 0))
        if kind is socket.SOCK_STREAM:
            opened.listen()
        thread = threading.Thread(target=body, args=(opened,))
        thread.start()
        try:
            yield opened.getsockname()[1]
        finally:
            thread.join()


def answering(*lines, then=None):
    """Return a body that reads a line and sends these, to one client; ``then`` it does something more."""

    def body(listener):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"".join(lines))
            if then is not None:
                then(connection)

    return body


def do(port, vip=VIP, sources=CLIENTS, **more):
    return asyncio.run(perform(Cell(vip, port, sources, **more)))


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_every_connection_is_answered_and_counted(server, protocol):
    (port,) = server.ports if protocol == "tcp" else server.udp_ports
    outcome = do(port, protocol=protocol, connections=90, width=20).outcome
    assert outcome.errors == []
    assert (outcome.wanted, outcome.answered, outcome.lost, outcome.kept) == (90, 90, 0, 90)
    assert outcome.servers == {"r1": 90}
    assert outcome.clients == dict.fromkeys(CLIENTS, 30)
    assert outcome.asked == {f"{VIP}:{port}": 90}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_ipv6_as_well(server, protocol):
    (port,) = server.ports if protocol == "tcp" else server.udp_ports
    result = do(port, vip="::1", sources=["::1"], protocol=protocol, connections=5, upload=9, download=9)
    assert result.outcome.asked == {f"[::1]:{port}": 5}
    assert result.outcome.kept == 5


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_nobody_there_is_refused(protocol):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((VIP, 0))
        port = taken.getsockname()[1]
        if kind == socket.SOCK_DGRAM:
            taken.close()
        outcome = do(port, protocol=protocol, connections=7).outcome
    assert (outcome.refused, outcome.lost) == (7, 7)
    assert len(outcome.errors) == 5, "only the first few are told"
    assert outcome.errors[0].startswith("127.0.0.2:")
    assert outcome.errors[0].endswith(": refused")


def test_silence_is_a_timeout_that_tells_how_far_it_came():
    with socket.create_server((VIP, 0)) as silent:
        result = do(silent.getsockname()[1], connections=1, upload=LARGEST, download=9, **FAST)
    assert (result.outcome.timed_out, result.outcome.lost) == (1, 1)
    assert result.outcome.errors[0].endswith(" connected, not answered: timed out")
    assert f"of {LARGEST} bytes sent after 0.3 s" in result.upload.error
    assert result.download.error == "stuck with 0 of 9 bytes received after 0.3 s"
    assert result.lost == 3


def test_a_reset_is_told_from_a_refusal():
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with peer(answering(then=reset)) as port:
        outcome = do(port, connections=1).outcome
    assert (outcome.reset, outcome.lost) == (1, 1)


@pytest.mark.parametrize("answer", [b"r1 hello\n", b"{}\n", b"5\n"])
def test_an_answer_to_another_question_is_a_failure(answer):
    with peer(answering(answer)) as port:
        outcome = do(port, connections=1).outcome
    assert (outcome.failed, outcome.lost, outcome.servers) == (1, 1, {})


def test_a_server_that_does_not_close_is_a_failure():
    who = RealServer("r1", []).who((CLIENTS[0], 1), (VIP, 80))
    with peer(
        answering(who, then=lambda connection: connection.recv(1) or threading.Event().wait(1))
    ) as port:
        outcome = do(port, connections=1, **FAST).outcome
    assert outcome.errors[0].endswith(" not closed: timed out")
    assert outcome.lost == 1


def test_another_client_than_the_true_one_is_seen():
    who = RealServer("r1", []).who(("10.100.1.1", 1), (VIP, 80))
    with peer(answering(who)) as port:
        outcome = do(port, connections=1).outcome
    assert (outcome.answered, outcome.kept, outcome.clients) == (1, 0, {"10.100.1.1": 1})


def test_a_lost_datagram_is_sent_again():
    who = RealServer("r1", []).who((CLIENTS[0], 1), (VIP, 80))

    def deaf_at_first(receiver):
        for _ in range(TRIES - 1):
            receiver.recv(9)
        receiver.sendto(who, receiver.recvfrom(9)[1])

    with peer(deaf_at_first, socket.SOCK_DGRAM) as port:
        outcome = do(port, protocol="udp", connections=1, seconds=3).outcome
    assert (outcome.answered, outcome.repeated) == (1, TRIES - 1)


def test_a_datagram_that_nobody_answers_is_sent_three_times():
    got = []

    def deaf(receiver):
        got.extend(receiver.recv(9) for _ in range(TRIES))

    with peer(deaf, socket.SOCK_DGRAM) as port:
        outcome = do(port, protocol="udp", connections=1, seconds=0.3).outcome
    assert (outcome.timed_out, outcome.lost, len(got)) == (1, 1, TRIES)
    assert outcome.errors[0].endswith(" not answered: timed out")


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_transfers_arrive_unchanged(server, size):
    result = do(server.ports[0], connections=0, upload=size, download=size)
    for done in (result.upload, result.download):
        assert (done.error, done.bytes) == ("", size)
        assert done.mtu == 65535  # the largest IPv4 packet, on the loopback
        assert 0 < done.mss < 65536
    assert result.lost == 0


def test_an_upload_that_was_changed_is_seen():
    confirmed = json.dumps({"bytes": 3, "crc32": 1}).encode() + b"\n"
    with peer(answering(confirmed)) as port:
        result = do(port, connections=0, upload=3)
    assert result.upload.error == (
        "sent and not confirmed: the server got 3 bytes, and not the ones that were sent"
    )


def test_a_download_that_was_changed_or_cut_is_seen():
    with peer(answering(b"xyz")) as port:
        result = do(port, connections=0, download=3)
    assert result.download.error.endswith("3 bytes received, and not the ones that the server sends")
    with peer(answering(b"xyz")) as port:
        result = do(port, connections=0, download=4)
    assert result.download.error == "stuck with 3 of 4 bytes received: the server closed the connection"
    assert result.lost == 1


def test_a_source_that_is_not_ours_fails_by_itself(server):
    outcome = do(server.ports[0], sources=["127.0.0.2", "192.0.2.1"], connections=4).outcome
    assert (outcome.answered, outcome.failed) == (2, 2)
    assert outcome.errors[0].startswith("192.0.2.1:0 not connected: failed: ")


def test_cells_come_in_and_results_go_out(server, monkeypatch, capsys):
    cells = [
        {"vip": VIP, "port": server.ports[0], "sources": CLIENTS, "connections": 3, "upload": 9},
        {"vip": VIP, "port": server.udp_ports[0], "sources": CLIENTS, "connections": 2, "protocol": "udp"},
    ]
    monkeypatch.setattr(module.sys, "stdin", io.StringIO(json.dumps(cells)))
    main()
    first, second = map(read_result, capsys.readouterr().out.splitlines())
    assert (first.outcome.answered, first.upload.bytes, first.download) == (3, 9, None)
    assert second.outcome.servers == {"r1": 2}
