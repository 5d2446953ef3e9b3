"""When the runner starts probes, what it makes of their ends, and what it tells of; most are scripted."""

import errno
import socket

import pytest
from runner_bench import Bench, Scripted, make_key, observe, start

from clusterlb.checks.probe import UnsentError, make_probe
from clusterlb.checks.runner import Runner
from clusterlb.model.health import ProbeKey


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
