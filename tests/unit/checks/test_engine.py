import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from ipaddress import ip_address

import pytest

from clusterlb import fresh
from clusterlb.checks.client import engine_command
from clusterlb.checks.wire import encode_key, lines
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckType, ProbeSpec, UdpOptions
from clusterlb.model.health import ProbeKey


@pytest.fixture
def engine():
    with subprocess.Popen(
        engine_command(beat=0.1), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=fresh.environment()
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def server():
    """The wildcard address: every address in 127/8 is a member."""
    with socket.create_server(("0.0.0.0", 0), backlog=1024) as server:
        yield server


def add(process: subprocess.Popen, port: int, count: int, spec: ProbeSpec) -> None:
    keys = [ProbeKey(Endpoint(ip_address("127.3.0.0") + n, port), spec) for n in range(count)]
    for text in lines("add", [(n, encode_key(key)) for n, key in enumerate(keys)]):
        process.stdin.write(text)
    process.stdin.flush()


def read_until(process: subprocess.Popen, wanted) -> dict:
    """Return the first message that is wanted."""
    for text in process.stdout:
        message = json.loads(text)
        if wanted(message):
            return message
    raise AssertionError("the engine ended")


def test_an_observation_does_not_wait_when_nothing_else_is_under_way(server):
    code = "from clusterlb.checks import engine; engine.GATHER = 3600.0; engine.main()"
    argv = [sys.executable, "-P", "-c", code, "3600"]  # no heartbeat after the first carries it along
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, env=fresh.environment(), **pipes) as process:
        add(process, server.getsockname()[1], 1, ProbeSpec(interval=0.2))
        killer = threading.Timer(30, process.kill)
        killer.start()
        assert read_until(process, lambda message: "seen" in message)["seen"][0][:2] == [0, True]
        killer.cancel()
        process.kill()


def test_the_first_word_is_a_heartbeat(engine):
    message = json.loads(engine.stdout.readline())
    assert message["beat"]["probes"] == 0
    assert message["beat"]["lag_p99"] == 0.0


def test_probes_are_added_observed_counted_and_removed(engine, server):
    with socket.socket() as reserved:
        reserved.bind(("127.3.0.0", 0))  # bound and not listening: refused
        add(engine, reserved.getsockname()[1], 1, ProbeSpec(interval=0.1))
        [row, *_] = read_until(engine, lambda m: "seen" in m)["seen"]
        assert (row[0], row[1], row[4]) == (0, False, "connection refused")
        beat = read_until(engine, lambda m: m.get("beat", {}).get("failed", 0) > 0)["beat"]
        assert beat["probes"] == 1
        assert sum(beat["lag_buckets"]) == beat["started"]
        engine.stdin.write(b'{"remove":[0,99]}\n')
        engine.stdin.flush()
        read_until(engine, lambda m: m.get("beat", {}).get("probes") == 0)


def test_check_now_is_obeyed(engine, server):
    add(engine, server.getsockname()[1], 1, ProbeSpec(interval=3600))
    read_until(engine, lambda m: "seen" in m)
    engine.stdin.write(b'{"now":[0,5]}\n')
    engine.stdin.flush()
    assert read_until(engine, lambda m: "seen" in m)["seen"][0][1] is True


def test_the_end_of_its_input_is_its_own(engine):
    engine.stdout.readline()
    engine.stdin.close()
    assert engine.wait(20) == 0


def test_a_reader_that_goes_away_ends_it_without_a_traceback(engine):
    engine.stdout.readline()
    engine.stdout.close()
    assert engine.wait(20) == 0


def test_ctrl_c_and_hangup_are_the_controllers_and_sigterm_ends(engine):
    engine.stdout.readline()
    engine.send_signal(signal.SIGINT)
    engine.send_signal(signal.SIGHUP)
    assert json.loads(engine.stdout.readline())["beat"]
    engine.terminate()
    assert engine.wait(20) == -signal.SIGTERM


def test_a_reader_that_is_behind_does_not_stop_the_checks(engine):
    fcntl.fcntl(engine.stdout, fcntl.F_SETPIPE_SZ, 4096)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as members:
        members.bind(("0.0.0.0", 0))
        members.settimeout(20)
        asks = ProbeSpec(CheckType.UDP, 0.1, 0.05, UdpOptions(send="there?"))
        add(engine, members.getsockname()[1], 100, asks)
        for _ in range(1000):  # nobody reads what the engine says until its members have been asked so often
            members.recv(100)
    beat = read_until(engine, lambda m: m.get("beat", {}).get("dropped", 0) > 0)["beat"]
    assert beat["started"] > 500
    assert beat["queued"] < 100
    assert read_until(engine, lambda m: len(m.get("seen", ())) > 0)


def test_only_the_standard_descriptors_are_inherited():
    read, write = os.pipe()
    os.set_inheritable(write, True)
    with subprocess.Popen(
        engine_command(beat=0.1), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=fresh.environment()
    ) as process:
        process.stdout.readline()
        os.close(write)
        os.set_blocking(read, False)
        assert os.read(read, 1) == b""  # the end of the pipe: nobody else holds its other side
        os.close(read)
        process.stdin.close()
        assert process.wait(20) == 0


def test_it_loads_nothing_but_the_standard_library_and_the_model():
    code = (
        "import sys, clusterlb.checks.engine;"
        "print(sorted({n.partition('.')[0] for n in sys.modules} - set(sys.stdlib_module_names)"
        "- set(sys.builtin_module_names) - {'__main__'}))"
        "; print('asyncio' in sys.modules)"
    )
    argv = [sys.executable, "-P", "-S", "-c", code]
    done = subprocess.run(argv, env=fresh.environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "['clusterlb']\nFalse\n"
