"""The runner: alarms, epoll, no thread and no coroutine per check."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic

from clusterlb.checks.alarms import Alarms
from clusterlb.checks.probe import Probe, Result, UnsentError, Wait, make_probe
from clusterlb.checks.schedule import Name, ScheduledProbe, catch_up, first_start, slot_after_first
from clusterlb.checks.stats import Lag, Results
from clusterlb.checks.turns import COSTLY, MOST, Turns
from clusterlb.checks.watch import Watch
from clusterlb.model.health import Observation, ProbeKey

STARTS = 64  # most starts per step, so that answers are read soon after they come and `took` is true
RETRY = 0.1  # seconds until the next try when descriptors or memory have run out
STALL = 0.5  # a step that comes this many seconds too late: the process stood still
SLOW = 0.05  # a step that takes this many seconds has delayed the members' answers
# Deadlines are rounded up to one of so many instants a second, so that probes that start together share an
# alarm. Wake-ups are no finer: the timeouts of poll(2) and epoll_wait(2) are milliseconds.
INSTANTS = 1024


class Runner(Generic[Name]):
    """Runs each of its probes again and again, one run of a probe at a time, each with its own deadline.

    Slots do not drift: the next is the previous plus the interval. Missed slots are counted and not made up
    for. Time in which the process (or the whole machine) stood still, or was busy with other members'
    answers, does not count against members whose answers were due. A probe's name is its key or a value that
    is cheaper to look up.

    ``limit`` caps the probes running at once. ``clock`` returns seconds that never decrease; a caller with a
    clock of its own calls ``step`` at least every STALL seconds. ``work`` returns this thread's seconds of
    CPU. ``mark[0]`` holds the name of the probe that this process works on, 0 between two probes: a process
    that shares the memory can see in which probe this one is stuck.
    """

    def __init__(
        self,
        limit: int,
        clock: Callable[[], float] = time.monotonic,
        factory: Callable[[ProbeKey], Probe] = make_probe,
        work: Callable[[], float] = time.thread_time,
        mark: Any = None,
    ) -> None:
        self._limit = max(1, limit)
        self._clock = clock
        self._factory = factory
        self._work = work
        self._mark = [0] if mark is None else mark
        self._watch: Watch[Name] = Watch()
        self._entries: dict[Name, ScheduledProbe[Name]] = {}
        self._alarms: Alarms[ScheduledProbe[Name]] = Alarms()
        self._queue: deque[ScheduledProbe[Name]] = deque()
        self._turns: Turns[Name] = Turns()
        self.running = 0
        self._starved_until = -math.inf
        self._expected = math.inf
        self.results: Results[Name] = Results()
        self.counters = self.results.counters
        self.lag = Lag()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def queued(self) -> int:
        """Return how many probes are due and not started, for the cap or for lack of descriptors."""
        return sum(1 for entry in self._queue if not entry.removed)

    def fileno(self) -> int:
        """Return a descriptor that is readable when ``step`` has answers to read."""
        return self._watch.fileno()

    def set_probes(self: Runner[ProbeKey], keys: Iterable[ProbeKey]) -> None:
        """Probe exactly these keys, each its own name; known keys keep their schedule and running probe."""
        wanted = dict.fromkeys(keys)
        self.change([(key, key) for key in wanted], [key for key in self._entries if key not in wanted])

    def change(self, add: Iterable[tuple[Name, ProbeKey]], remove: Iterable[Name]) -> None:
        """Remove some probes, ending their runs, and add others; ignore names that are known already."""
        now = self._clock()
        self._forgive(now)
        for name in remove:
            entry = self._entries.pop(name, None)
            if entry is not None:
                entry.removed = True
                self._alarms.cancel(entry)
                self._end(entry)
        for name, key in add:
            if name not in self._entries:
                self._mark[0] = name
                try:
                    entry = ScheduledProbe(name, key, self._factory(key), first_start(key, now))
                except Exception as error:  # noqa: BLE001 - one kind's mistake must not stop the other checks
                    self.results.unmade(name, key.spec.type, error)
                    continue
                finally:
                    self._mark[0] = 0
                self._entries[name] = entry
                self._alarms.set(entry, entry.slot)
        self._expect(now)

    def check_now(self, name: Name) -> None:
        """Run a probe at once, in addition to its slots; ignore a running or unknown one."""
        now = self._clock()
        self._forgive(now)
        entry = self._entries.get(name)
        if entry is not None and not entry.running and not entry.queued:
            entry.slot = entry.free = now
            entry.off_grid = True
            self._alarms.cancel(entry)
            self._enqueue(entry)
        self._expect(now)

    def pause(self) -> float:
        """Return the seconds until ``step`` has something to do other than read answers; 0: it has now."""
        now = self._clock()
        due = min(self._alarms.next(), self._turns.due())
        if self._queue and self.running < self._limit:
            due = min(due, self._starved_until)
        return max(0.0, due - now)

    def step(self, timeout: float) -> list[tuple[Name, Observation]]:
        """Wait at most ``timeout`` seconds for something to do, do it, and return the observations."""
        reported = self._watch.poll(min(timeout, self.pause()))
        woken = self._clock()
        self._forgive(woken)
        self._hear(reported)
        rung = self._alarms.take(woken)
        if any(entry.running for entry in rung):  # read every answer before its deadline is judged
            self._hear(self._watch.poll(0))
        for entry in rung:
            if entry.running and entry not in self._turns and entry.deadline <= woken:
                self._advance(entry, self._clock(), entry.probe.on_deadline)
            elif not entry.running and entry.alarm == math.inf and not entry.removed:
                self._enqueue(entry)
        self._start_queued()
        self._take_turn()
        now = self._clock()
        if now - woken >= SLOW:
            self._excuse(now - woken, now)
        self._expect(now)
        return self.results.take()

    def close(self) -> None:
        """End every running probe and release the descriptors."""
        self.change((), list(self._entries))
        self._watch.close()

    def _expect(self, now: float) -> None:
        self._expected = now + self.pause()

    def _forgive(self, now: float) -> None:
        if now - self._expected >= STALL:
            self._excuse(now - self._expected, now)

    def _excuse(self, gap: float, now: float) -> None:
        """Put off every running probe's deadline by the last ``gap`` seconds."""
        self.counters.stalls += 1
        for entry in self._entries.values():
            if entry.running and entry not in self._turns:
                self._put_off(entry, min(gap, now - entry.since))

    def _put_off(self, entry: ScheduledProbe[Name], seconds: float) -> None:
        entry.since += seconds
        entry.deadline += seconds
        self._alarms.set(entry, entry.deadline)

    def _hear(self, reported: Iterable[tuple[ScheduledProbe[Name], int]]) -> None:
        """Continue the probes whose descriptors reported events; the costly ones wait for their turn."""
        now = self._clock()
        for entry, events in reported:
            if entry.spent + entry.before > COSTLY:
                self._watch.hold(entry)  # or epoll would report the events again until the turn comes
                self._alarms.cancel(entry)
                self._turns.add(entry, events, now)
            else:
                self._advance(entry, now, entry.probe.on_event, events, now - entry.since)
                began, now = now, self._clock()
                entry.spent += now - began

    def _take_turn(self) -> None:
        """Continue one of the costly probes; its wait for the turn does not count against the member."""
        now = self._clock()
        turn = self._turns.take(now)
        if turn is None:
            return
        entry, events, waited = turn
        self._put_off(entry, waited)

        def judge() -> Wait | Result:
            self._watch.go_on(entry)
            return entry.probe.on_event(events, now - entry.since)

        began = self._work()
        self._advance(entry, now, judge)
        entry.spent += self._work() - began
        if entry.running and entry.spent > MOST:
            result = Result(False, f"the answer took more than {MOST:g} s to judge")
            self._advance(entry, self._clock(), lambda: result)
        after = self._clock()
        self._turns.rest(after - now, after)

    def _enqueue(self, entry: ScheduledProbe[Name]) -> None:
        entry.queued = True
        self._queue.append(entry)

    def _start_queued(self) -> None:
        queue = self._queue
        for _ in range(min(STARTS, len(queue))):
            now = self._clock()
            if self.running >= self._limit or now < self._starved_until:
                return
            entry = queue.popleft()
            if not entry.removed:
                self._start(entry, now)

    def _start(self, entry: ScheduledProbe[Name], now: float) -> None:
        due, free = entry.slot, entry.free
        entry.slot, missed = catch_up(due, entry.interval, now)
        entry.queued = False
        entry.running = True
        entry.spent, entry.before = 0.0, (entry.spent + entry.before) / 2
        entry.since = now
        entry.deadline = math.ceil((now + entry.timeout) * INSTANTS) / INSTANTS
        self.running += 1
        if not self._advance(entry, now, entry.probe.start):
            entry.slot = due
            entry.queued = True
            self._queue.appendleft(entry)
            self._starved_until = now + RETRY
            self.counters.postponed += 1
            return
        self.counters.started += 1
        self.counters.skipped += missed
        self.lag.add(now - max(due, free))

    def _advance(
        self, entry: ScheduledProbe[Name], now: float, call: Callable[..., Wait | Result], *arguments: float
    ) -> bool:
        """Call a probe's method; False when the probe must start again later, for lack of resources."""
        starting = entry.waiting is None
        self._mark[0] = entry.name
        try:
            progress = call(*arguments)
            if isinstance(progress, Wait):
                if progress != entry.waiting:
                    self._watch.set(entry, progress)
                if starting:
                    self._alarms.set(entry, entry.deadline)
                return True
            if starting:
                now = self._clock()  # the whole run was this call
            self.results.observe(entry, progress, now)
        except UnsentError as error:
            if starting and error.scarce:
                self._end(entry)
                if now - entry.free > 2 * entry.interval:
                    self.results.complain(entry, error.name)
                return False
            self.results.unsent(entry, error)
        except Exception as error:  # noqa: BLE001 - one kind's mistake must not stop the other checks
            self.results.broken(entry, error)
        finally:
            self._mark[0] = 0
        self._end(entry)
        self._reschedule(entry, now)
        return True

    def _end(self, entry: ScheduledProbe[Name]) -> None:
        if not entry.running:
            return
        self._watch.forget(entry)
        self._turns.forget(entry)
        entry.probe.close()
        entry.running = False
        self.running -= 1
        self._starved_until = -math.inf  # this probe's resources are free again

    def _reschedule(self, entry: ScheduledProbe[Name], now: float) -> None:
        entry.free = now
        after = entry.slot + entry.interval
        if entry.off_grid:
            after = slot_after_first(entry.phase, entry.interval, entry.slot)
            entry.off_grid = False
        entry.slot, missed = catch_up(after, entry.interval, now)
        self.counters.overlapped += missed
        self._alarms.set(entry, entry.slot)
