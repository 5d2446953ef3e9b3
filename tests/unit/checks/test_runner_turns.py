"""Probes that take processor time: the time of one is not held against another, and each has its turn."""

import select

import pytest
from runner_bench import Scripted, make_key, start

from clusterlb.checks.probe import Result, Wait


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
