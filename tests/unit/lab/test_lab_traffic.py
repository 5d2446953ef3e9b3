import socket
import time

import pytest

from clusterlb.lab.server import Server
from clusterlb.lab.traffic import Load, Traffic

HERE = "127.0.0.1"


@pytest.fixture
def server():
    served = Server("r1", 0, HERE)
    yield served
    served.close()


def load(port, **more):
    return Load(targets=(HERE,), port=port, sources=(HERE,), **more)


def play(traffic, servers, done):
    """Take turns until a condition holds; the bound is there for a broken one."""
    until = time.monotonic() + 20
    while not done(traffic.report()) and time.monotonic() < until:
        for server in servers:
            server.step(0)
        traffic.step(0.01)
    report = traffic.report()
    assert done(report), report
    return report


def test_flows_are_kept_and_answered_by_one_server(server):
    traffic = Traffic(load(server.port, flows=5, pace=0.01))
    play(traffic, [server], lambda now: now["flows"]["answered"] == 5)
    traffic.mark()
    assert traffic.report()["flows"]["answered"] == 0
    report = play(traffic, [server], lambda now: now["flows"]["answered"] == 5)
    assert report["flows"]["lost"] == 0
    assert report["servers"] == {"r1": 5}
    traffic.close()


def test_requests_are_answered(server):
    traffic = Traffic(load(server.port, rate=200.0))
    report = play(traffic, [server], lambda now: now["requests"]["ok"] >= 10)
    assert report["requests"]["failed"] == 0
    assert report["requests"]["started"] >= 10
    traffic.close()


def test_a_reset_is_a_lost_flow(server):
    traffic = Traffic(load(server.port, flows=3, pace=0.01))
    play(traffic, [server], lambda now: now["flows"]["answered"] == 3)
    server.close()
    report = play(traffic, [], lambda now: now["flows"]["lost"] == 3)
    assert report["flows"]["reset"] == 3
    assert report["flows"]["open"] == 0
    traffic.close()


def test_nobody_there_is_a_failed_request():
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
    traffic = Traffic(load(port, rate=100.0))
    report = play(traffic, [], lambda now: now["requests"]["failed"] >= 2)
    assert report["requests"]["reset"] == report["requests"]["failed"]
    traffic.close()


def test_silence_is_a_timeout():
    with socket.create_server((HERE, 0)) as silent:
        traffic = Traffic(load(silent.getsockname()[1], flows=2, timeout=0.2))
        report = play(traffic, [], lambda now: now["flows"]["lost"] == 2)
        assert report["flows"]["timeout"] == 2
        traffic.close()


def test_an_answer_from_another_server_is_a_lost_flow(server):
    traffic = Traffic(load(server.port, flows=1, pace=0.01))
    play(traffic, [server], lambda now: now["flows"]["answered"] == 1)
    server.name = "r2"
    report = play(traffic, [server], lambda now: now["flows"]["lost"] == 1)
    assert report["flows"]["moved"] == 1
    traffic.close()


def ask(server, *pieces):
    """Send pieces to a server and return all it answers until it closes."""
    with socket.create_connection((HERE, server.port)) as connection:
        connection.settimeout(0.01)
        received = b""
        for piece in pieces:
            server.step(0)
            connection.sendall(piece)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            server.step(0)
            try:
                data = connection.recv(65536)
            except TimeoutError:
                continue
            if not data:
                break
            received += data
        return received


def test_http_is_answered_in_pieces_and_pipelined(server):
    answer = ask(
        server, b"GET /a HT", b"TP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b'{"server": "r1", "path": "/a"}' in answer
    assert b'{"server": "r1", "path": "/b"}' in answer


def test_http_1_0_and_nonsense_are_closed(server):
    assert b"Connection: close" in ask(server, b"GET / HTTP/1.0\r\n\r\n")
    assert ask(server, b"BREW /pot\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert ask(server, b"x" * 20000) == b""


def test_lines_are_echoed_with_the_servers_name(server):
    assert ask(server, b"ECHO one\nEC", b"HO two\nGET / HTTP/1.0\r\n\r\n").startswith(
        b"r1 one\nr1 two\nHTTP/1.1 200"
    )
