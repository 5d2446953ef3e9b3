import errno
import os
import resource
import select
import socket
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

import clusterlb
from clusterlb.checks.probe import Result, UnsentError, Wait, make_probe
from clusterlb.checks.runner import Runner
from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A probe that waits on an eventfd; ``answer`` lets it end, ``fails`` says how it starts."""

    def __init__(self, key: ProbeKey) -> None:
        self.key = key
        self.fd = -1
        self.starts = 0
        self.elapsed = -1.0
        self.fails: list[Exception] = []

    def start(self) -> Wait | Result:
        if self.fails:
            raise self.fails.pop(0)
        assert self.fd == -1, "two probes of one key at once"
        self.starts += 1
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        return Wait(self.fd, select.EPOLLIN)

    def answer(self) -> None:
        os.eventfd_write(self.fd, 1)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        os.eventfd_read(self.fd)
        self.elapsed = elapsed
        return Result(True, "answered")

    def on_deadline(self) -> Result:
        return Result(False, "timed out")

    def close(self) -> None:
        if self.fd != -1:
            os.close(self.fd)
            self.fd = -1


class Bench:
    """A runner on a clock driven by hand."""

    def __init__(self, limit: int = 100) -> None:
        self.clock = Clock()
        self.probes: dict[ProbeKey, Scripted] = {}
        self.runner = Runner(limit, self.clock, self.make)

    def make(self, key: ProbeKey) -> Scripted:
        return self.probes.setdefault(key, Scripted(key))

    def pass_time(self, seconds: float, tick: float = 0.05) -> list:
        seen = self.runner.step(0)
        for _ in range(round(seconds / tick)):
            self.clock.now += tick
            seen += self.runner.step(0)
        return seen


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.runner.close()
    assert all(probe.fd == -1 for probe in bench.probes.values())


def make_key(
    number: int = 1, interval: float = 2.0, timeout: float = 1.0, address: str = "127.0.0.1"
) -> ProbeKey:
    return ProbeKey(Endpoint(ip_address(address), number), ProbeSpec(interval=interval, timeout=timeout))


def observe(runner: Runner, count: int, seconds: float = 20.0) -> list:
    """Step a runner on the real clock until it has made ``count`` observations."""
    seen: list = []
    until = time.monotonic() + seconds
    while len(seen) < count and time.monotonic() < until:
        seen += runner.step(0.1)
    return seen


def test_one_answer_makes_one_observation(bench):
    key = make_key()
    bench.runner.set_probes([key])
    bench.pass_time(1.0)
    assert bench.runner.running == 1
    bench.probes[key].answer()
    [(seen_key, seen)] = bench.runner.step(0)
    assert seen_key is key
    assert (seen.ok, seen.detail, seen.at) == (True, "answered", bench.clock.now)
    assert seen.took == pytest.approx(bench.probes[key].elapsed)
    assert bench.runner.running == 0
    assert bench.runner.counters.passed == 1


def test_the_deadline_is_total(bench):
    key = make_key(timeout=0.5)
    bench.runner.set_probes([key])
    [(_, seen)] = bench.pass_time(1.6)
    assert (seen.ok, seen.detail) == (False, "timed out")
    assert seen.took == pytest.approx(0.5, abs=0.051)


def test_an_answer_in_hand_counts_even_when_the_deadline_has_just_passed(bench):
    key = make_key()
    bench.runner.set_probes([key])
    while not bench.runner.running:
        bench.pass_time(0.05)
    bench.probes[key].answer()
    bench.clock.now += 1.01
    [(_, seen)] = bench.runner.step(0)
    assert seen.ok


def stand_still_for_an_hour(bench):
    """Return the keys of 20 probes, and those of the probes that an hour found running."""
    keys = [make_key(n) for n in range(20)]
    bench.runner.set_probes(keys)
    while bench.runner.running < 5:
        bench.pass_time(0.05)
    running = [probe for probe in bench.probes.values() if probe.fd != -1]
    bench.clock.now += 3600.0
    return keys, running


def test_an_hour_of_standing_still_makes_nobody_down_and_is_counted(bench):
    _, running = stand_still_for_an_hour(bench)
    assert bench.runner.step(0) == []
    assert bench.runner.counters.stalls == 1
    for probe in running:
        probe.answer()
    seen = bench.runner.step(0)
    assert [s.ok for _, s in seen] == [True] * len(running)
    assert all(s.took < 2 for _, s in seen)
    # The missed slots are not made up for: each key goes on with one probe per interval.
    for probe in bench.probes.values():
        probe.starts = 0
    for _ in range(200):
        for probe in bench.probes.values():
            if probe.fd != -1:
                probe.answer()
        bench.pass_time(0.05)
    assert bench.runner.counters.skipped + bench.runner.counters.overlapped >= 20 * 1798
    assert {probe.starts for probe in bench.probes.values()} <= {4, 5, 6}


@pytest.mark.parametrize("order", ["change", "check now"])
def test_an_order_that_comes_first_after_a_standstill_does_not_hide_it(bench, order):
    keys, running = stand_still_for_an_hour(bench)
    if order == "change":
        bench.runner.set_probes([*keys, make_key(20)])
    else:
        bench.runner.check_now(next(key for key in keys if bench.probes[key].fd == -1))
    assert bench.runner.step(0) == []
    assert bench.runner.counters.stalls == 1
    for probe in running:
        probe.answer()
    assert [seen.ok for _, seen in bench.runner.step(0)] == [True] * len(running)


def test_kept_keys_keep_their_schedule_and_their_running_probe(bench):
    old, kept, new = make_key(1), make_key(2), make_key(3)
    bench.runner.set_probes([old, kept])
    bench.pass_time(0.95)
    running = bench.probes[kept].fd
    bench.runner.set_probes([kept, new])
    assert bench.probes[old].fd == -1
    assert bench.probes[kept].fd == running
    assert len(bench.runner) == 2
    bench.probes[kept].answer()
    assert [key for key, _ in bench.runner.step(0)] == [kept]
    bench.pass_time(1.0)
    assert bench.probes[new].starts == 1
    assert bench.probes[old].starts == 1


def test_a_removed_key_is_never_observed_again(bench):
    key = make_key()
    bench.runner.set_probes([key])
    bench.pass_time(0.95)
    bench.runner.set_probes([])
    assert bench.runner.running == 0
    assert bench.pass_time(5) == []


def test_a_shortage_postpones_and_is_no_observation(bench):
    key = make_key()
    bench.runner.set_probes([key])
    bench.probes[key].fails = [UnsentError(errno.EMFILE)] * 3
    seen = []
    while bench.probes[key].starts == 0 and bench.clock.now < 1010:
        seen += bench.pass_time(0.05)
        assert bench.runner.running == bench.probes[key].starts
    assert seen == []
    assert bench.runner.counters.postponed == 3
    assert bench.runner.counters.failed == 0
    assert bench.probes[key].starts == 1
    assert bench.runner.lag.take()[1] >= 0.2


def test_a_trouble_of_one_probe_is_counted_and_does_not_hold_up_others(bench):
    bad, good = make_key(1), make_key(2)
    bench.runner.set_probes([bad, good])
    bench.probes[bad].fails = [UnsentError(errno.EADDRNOTAVAIL)] * 10
    seen = bench.pass_time(6)
    assert {key for key, _ in seen} == {good}
    assert bench.runner.counters.unsent["EADDRNOTAVAIL"] in (3, 4)
    assert bench.runner.counters.postponed == 0


def test_a_mistake_in_a_kind_does_not_stop_the_others(bench, capsys):
    bad, good = make_key(1), make_key(2)
    bench.runner.set_probes([bad, good])
    bench.probes[bad].fails = [ZeroDivisionError("parser")] * 10
    assert {key for key, _ in bench.pass_time(6)} == {good}
    assert bench.runner.counters.broken in (3, 4)
    assert capsys.readouterr().err.count("ZeroDivisionError") == 1


def test_check_now_probes_at_once_and_keeps_the_slots(bench):
    key = make_key(interval=60.0, timeout=0.5)
    bench.runner.set_probes([key])
    bench.pass_time(2)
    assert bench.probes[key].starts == 1
    bench.runner.check_now(key)
    bench.runner.check_now(key)
    bench.runner.step(0)
    bench.runner.check_now(key)
    assert bench.runner.running == 1
    assert bench.probes[key].starts == 2
    bench.pass_time(119, tick=0.2)
    assert bench.probes[key].starts in (3, 4)


def test_a_probe_longer_than_its_interval_is_not_run_twice_at_once(bench):
    key = make_key(interval=1.0, timeout=2.5)
    bench.runner.set_probes([key])
    seen = bench.pass_time(12)
    assert len(seen) == 4
    assert bench.runner.counters.overlapped > 0
    assert bench.runner.counters.skipped == 0
    assert bench.runner.lag.take()[1] < 0.1


def test_more_due_than_the_cap_allows_wait_their_turn():
    bench = Bench(limit=3)
    bench.runner.set_probes([make_key(n, timeout=0.5) for n in range(10)])
    most = 0
    seen = []
    for _ in range(60):
        seen += bench.pass_time(0.05)
        most = max(most, bench.runner.running)
    assert most == 3
    assert {key for key, _ in seen} == {make_key(n, timeout=0.5) for n in range(10)}
    bench.runner.close()


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


def test_a_kind_that_cannot_be_made_is_counted_and_the_others_go_on(capfd):
    def factory(key):
        if key.endpoint.port == 1:
            raise ValueError("no such thing")
        return make_probe(key)

    with socket.create_server(("127.0.0.1", 0)) as server:
        runner = Runner(10, factory=factory)
        runner.set_probes([make_key(1), make_key(server.getsockname()[1])])
        assert [seen.ok for _, seen in observe(runner, 1)] == [True]
        assert runner.counters.broken == 1
        runner.close()
    assert "no such thing" in capfd.readouterr().err


def start(bench, keys) -> None:
    bench.runner.set_probes(keys)
    while bench.runner.running < len(keys):
        bench.pass_time(0.05)


def works(bench, key, seconds: float, ends: bool = True) -> None:
    """Have the judgement of a probe take so many seconds, and its CPU too."""
    probe = bench.probes[key]

    def on_event(events: int, elapsed: float) -> Wait | Result:
        bench.clock.now += seconds
        if ends:
            return Scripted.on_event(probe, events, elapsed)
        return Wait(probe.fd, select.EPOLLIN)

    probe.on_event = on_event


def test_the_time_of_a_step_is_not_held_against_other_members(bench):
    slow, other = make_key(1), make_key(2, timeout=0.5)
    start(bench, [slow, other])
    deadline = next(iter(bench.runner._entries.values())).deadline
    works(bench, slow, 1.8)
    bench.probes[slow].answer()
    assert [key for key, _ in bench.runner.step(0)] == [slow]
    assert bench.clock.now > deadline
    assert bench.runner.counters.stalls == 1
    assert bench.runner.step(0) == []
    bench.probes[other].answer()
    [(_, seen)] = bench.runner.step(0)
    assert seen.ok
    assert seen.took < 1.0


def test_a_probe_that_began_amid_a_slow_step_gets_no_more_than_its_time(bench):
    slow, late = make_key(1), make_key(2, timeout=0.5)
    start(bench, [slow])
    works(bench, slow, 3.0)
    bench.runner.set_probes([slow, late])
    bench.clock.now += 0.4
    bench.probes[slow].answer()
    _, seen = next(one for one in bench.pass_time(1.6) if one[0] == late)
    assert not seen.ok
    assert seen.took == pytest.approx(0.5, abs=0.051)


def test_an_answer_that_came_while_the_deadline_was_looked_up_counts(bench):
    key = make_key()
    start(bench, [key])
    bench.clock.now += 1.01
    poll, probe = bench.runner._watch.poll, bench.probes[key]

    def answered_right_after(timeout: float):
        reported = poll(timeout)
        if not reported and probe.fd != -1:
            probe.answer()
        return reported

    bench.runner._watch.poll = answered_right_after
    [(_, seen)] = bench.runner.step(0)
    assert seen.ok


def test_dear_probes_wait_for_their_turn_and_leave_the_time_to_the_others(bench):
    dear, cheap = [make_key(n) for n in range(1, 6)], make_key(9)
    bench.runner._work = bench.clock
    start(bench, [*dear, cheap])
    for key in dear:
        bench.runner._entries[key].before = 0.02
        works(bench, key, 0.1)
        bench.probes[key].answer()
    bench.probes[cheap].answer()
    seen = bench.runner.step(0)
    assert seen[0][0] == cheap
    assert len(seen) == 2  # one turn a step
    began = bench.clock.now
    seen = []
    while len(seen) < 4:
        seen += bench.pass_time(0.01, tick=0.01)
    assert bench.clock.now - began >= 4 * 0.1 + 4 * 0.3
    assert all(one.ok for _, one in seen), "waiting for a turn counts against nobody"
    assert all(one.took < 1.0 for _, one in seen)


def test_an_answer_without_end_to_its_judgement_fails(bench):
    key = make_key()
    bench.runner._work = bench.clock
    start(bench, [key])
    works(bench, key, 0.05, ends=False)
    bench.probes[key].answer()
    [(_, seen)] = bench.pass_time(3)[:1]
    assert (seen.ok, seen.detail) == (False, "the answer took more than 0.25 s to judge")


def test_a_dear_probe_that_is_removed_leaves_nothing_behind(bench):
    key = make_key()
    start(bench, [key])
    bench.runner._entries[key].before = 1.0
    bench.runner._turns.rest(1.0, bench.clock.now)
    bench.probes[key].answer()
    bench.runner.step(0)
    bench.runner.set_probes([])
    assert bench.pass_time(5) == []
    assert bench.runner.running == 0


def test_the_mark_names_the_probe_that_is_being_taken_further(bench):
    mark = [0]
    bench.runner._mark = mark
    key, seen = make_key(), []
    start(bench, [key])
    probe = bench.probes[key]
    probe.on_event = lambda events, elapsed: (
        seen.append(mark[0]),
        Scripted.on_event(probe, events, elapsed),
    )[1]
    probe.answer()
    bench.runner.step(0)
    assert seen == [key]
    assert mark == [0]


def test_troubles_are_told_once_and_again_after_a_result(bench):
    key = make_key(interval=1.0)
    bench.runner.set_probes([key])
    bench.probes[key].fails = [UnsentError(errno.ENOENT, "/ca")] * 3 + [ZeroDivisionError()] * 2
    assert bench.pass_time(5.5) == []
    assert bench.runner.results.take_troubles() == [
        (key, "ENOENT /ca"),
        (key, "an error in the check itself, ZeroDivisionError"),
    ]
    while not bench.runner.running:
        bench.pass_time(0.05)
    bench.probes[key].answer()
    assert len(bench.runner.step(0)) == 1
    bench.probes[key].fails = [UnsentError(errno.ENOENT, "/ca")]
    bench.pass_time(1.5)
    assert bench.runner.results.take_troubles() == [(key, "ENOENT /ca")]


def test_a_shortage_that_lasts_is_told(bench):
    key = make_key()
    bench.runner.set_probes([key])
    bench.probes[key].fails = [UnsentError(errno.EMFILE)] * 1000
    bench.pass_time(3)
    assert bench.runner.results.take_troubles() == []
    bench.pass_time(3)
    assert bench.runner.results.take_troubles() == [(key, "EMFILE")]


def test_a_kind_that_cannot_be_made_is_told(capfd):
    def fail(key: ProbeKey):
        raise ValueError

    runner = Runner(1, factory=fail)
    runner.set_probes([make_key()])
    assert runner.results.take_troubles() == [(make_key(), "an error in the check itself, ValueError")]
    runner.close()
