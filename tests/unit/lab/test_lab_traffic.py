import socket
import time

import pytest

from clusterlb.lab.server import RealServer
from clusterlb.lab.traffic import Load, Traffic

pytestmark = pytest.mark.behaviour

HERE = "127.0.0.1"


@pytest.fixture
def server():
    served = RealServer("r1", [0])
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
    traffic = Traffic(load(server.ports[0], flows=5, pace=0.01))
    play(traffic, [server], lambda now: now["flows"]["answered"] == 5)
    traffic.mark()
    assert traffic.report()["flows"]["answered"] == 0
    report = play(traffic, [server], lambda now: now["flows"]["answered"] == 5)
    assert report["flows"]["lost"] == 0
    assert report["servers"] == {"r1": 5}
    traffic.close()


def test_requests_are_answered(server):
    traffic = Traffic(load(server.ports[0], rate=200.0))
    report = play(traffic, [server], lambda now: now["requests"]["ok"] >= 10)
    assert report["requests"]["failed"] == 0
    assert report["requests"]["started"] >= 10
    traffic.close()


def test_a_reset_is_a_lost_flow(server):
    traffic = Traffic(load(server.ports[0], flows=3, pace=0.01))
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
    traffic = Traffic(load(server.ports[0], flows=1, pace=0.01))
    play(traffic, [server], lambda now: now["flows"]["answered"] == 1)
    server.name = "r2"
    report = play(traffic, [server], lambda now: now["flows"]["lost"] == 1)
    assert report["flows"]["moved"] == 1
    traffic.close()
