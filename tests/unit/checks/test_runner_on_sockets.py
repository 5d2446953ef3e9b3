"""The runner with real sockets: many at once, members that come and go, descriptors that run out."""

import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from runner_bench import make_key, observe

import clusterlb
from clusterlb.checks.runner import Runner


def test_a_flood_of_500_real_probes_under_a_cap_of_50():
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        port = server.getsockname()[1]
        runner = Runner(50)
        runner.set_probes(
            [make_key(port, address=f"127.2.0.{n % 250}", timeout=1 + n / 1000) for n in range(250)]
        )
        runner.set_probes([make_key(port, interval=0.5, timeout=2 + n / 1000) for n in range(500)])
        seen: list = []
        for _ in range(20):
            seen += observe(runner, 500)
            if len({key for key, _ in seen}) == 500:
                break
        assert len({key for key, _ in seen}) == 500
        assert all(observation.ok for _, observation in seen)
        runner.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_up_down_and_up_again(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.create_server((address, 0), family=family)
    port = server.getsockname()[1]
    runner = Runner(10)
    runner.set_probes([make_key(port, interval=0.05, address=address)])
    assert observe(runner, 1)[0][1].ok
    server.close()
    assert [o.detail for _, o in observe(runner, 2)][-1] == "connection refused"
    with socket.create_server((address, port), family=family):
        assert [o.ok for _, o in observe(runner, 2)][-1]
    runner.close()


def test_a_full_accept_queue_fails_by_the_deadline():
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as server,
        socket.create_connection(server.getsockname()),
    ):
        runner = Runner(10)
        runner.set_probes([make_key(server.getsockname()[1], interval=0.3, timeout=0.2)])
        details = [(o.ok, o.detail) for _, o in observe(runner, 2)]
        assert details == [(False, "timed out after 0.2 s")] * 2
        runner.close()


EXHAUSTED = """
import resource, socket, sys, time
sys.path.insert(0, {root!r})
from ipaddress import ip_address
from clusterlb.checks.runner import Runner
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey
from clusterlb.model.address import Endpoint
server = socket.create_server(("127.0.0.1", 0), backlog=0)
held = socket.create_connection(server.getsockname())
runner = Runner(1000)
resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
port = server.getsockname()[1]
endpoint = Endpoint(ip_address("127.0.0.1"), port)
runner.set_probes(ProbeKey(endpoint, ProbeSpec(interval=0.2, timeout=0.1 + n / 1e6)) for n in range(50))
seen, until = [], time.monotonic() + 20
while len({{key for key, _ in seen}}) < 50 and time.monotonic() < until:
    seen += runner.step(0.1)
counters = runner.counters
details = {{observation.detail[:9] for _, observation in seen}}
print(len({{key for key, _ in seen}}), details, counters.postponed > 0, counters.unsent)
"""


def test_descriptors_exhausted_postpones_all_get_their_turn_and_nobody_is_down_for_it():
    root = str(Path(clusterlb.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", EXHAUSTED.format(root=root)], capture_output=True, text=True, check=True
    )
    # Every one is judged by its own deadline (its queue drops SYNs), none for want of a descriptor.
    assert done.stdout.split("\n")[0] == "50 {'timed out'} True {}"


def test_the_runner_leaks_no_descriptors():
    def open_now() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_now()
    runner = Runner(100)
    runner.set_probes([make_key(n + 1, interval=0.05) for n in range(50)])
    observe(runner, 200)
    runner.set_probes([make_key(1)])
    runner.close()
    assert open_now() == before
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > before
