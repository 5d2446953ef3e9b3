"""The runner: alarms, epoll, no thread and no coroutine per check."""

from __future__ import annotations

import contextlib
import math
import select
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic

from clusterlb.checks.alarms import Alarms
from clusterlb.checks.entry import Entry, Name
from clusterlb.checks.kinds import make_probe
from clusterlb.checks.probe import Probe, Result, UnsentError, Wait
from clusterlb.checks.schedule import catch_up, first_start, slot_after_first
from clusterlb.checks.stats import Counters, Lag
from clusterlb.model.check import CheckType
from clusterlb.model.health import Observation, ProbeKey

BURST = 64  # starts per step, so that answers are read soon after they came and `took` is true
RETRY = 0.1  # seconds until the next try when descriptors or memory have run out
STALL = 0.5  # a step that comes this many seconds too late finds a process that stood still
# Deadlines are rounded up to one of so many instants a second, so that those of one burst share an alarm. No
# wake-up is closer: the timeouts of poll(2) and epoll_wait(2) are milliseconds.
INSTANTS = 1024


class Runner(Generic[Name]):
    """Runs each of its probes again and again, never twice at once, each run within its own total deadline.

    Slots do not drift: the next is the previous plus the interval. Slots that were missed are counted, not
    made up for. When the process (or the whole machine) stood still, that time does not count against the
    members whose answers were due. A probe has a name, the key itself or one that is cheaper to look up.

    ``limit`` caps the probes running at once. ``clock`` gives seconds
    that never go back; whoever drives a clock by hand calls ``step`` at least every STALL seconds of it.
    """

    def __init__(
        self,
        limit: int,
        clock: Callable[[], float] = time.monotonic,
        factory: Callable[[ProbeKey], Probe] = make_probe,
    ) -> None:
        self._limit = max(1, limit)
        self._clock = clock
        self._factory = factory
        self._epoll = select.epoll()
        self._entries: dict[Name, Entry[Name]] = {}
        self._alarms: Alarms[Entry[Name]] = Alarms()
        self._queue: deque[Entry[Name]] = deque()
        self._by_fd: dict[int, Entry[Name]] = {}
        self._running = 0
        self._starved_until = -math.inf
        self._expected = math.inf
        self._done: list[tuple[Name, Observation]] = []
        self._reported: set[str] = set()
        self.counters = Counters()
        self.lag = Lag()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def running(self) -> int:
        """Return how many probes are under way."""
        return self._running

    @property
    def queued(self) -> int:
        """Return how many probes are due and not begun, for the cap or for want of descriptors."""
        return sum(1 for entry in self._queue if not entry.removed)

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when a step has answers to read."""
        return self._epoll.fileno()

    def set_probes(self: Runner[ProbeKey], keys: Iterable[ProbeKey]) -> None:
        """Probe exactly these keys, each its own name; those kept keep their schedule and running probe."""
        wanted = dict.fromkeys(keys)
        self.change([(key, key) for key in wanted], [key for key in self._entries if key not in wanted])

    def change(self, add: Iterable[tuple[Name, ProbeKey]], remove: Iterable[Name]) -> None:
        """Forget some probes, at once even where they are running, and begin others; a known name stays."""
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
                try:
                    entry = Entry(name, key, self._factory(key), first_start(key, now))
                except Exception as error:  # noqa: BLE001 - one kind's mistake must not stop every other check
                    self._report(key.spec.type, error)
                    continue
                self._entries[name] = entry
                self._alarms.set(entry, entry.slot)
        self._expect(now)

    def check_now(self, name: Name) -> None:
        """Run a probe once more at once; its slots stay. Nothing happens to one under way, or unknown."""
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
        """Return the seconds until a step has something to do, answers apart; 0 when it has already."""
        now = self._clock()
        if self._queue and self._running < self._limit:
            return max(0.0, self._starved_until - now)
        return max(0.0, self._alarms.next() - now)

    def step(self, timeout: float) -> list[tuple[Name, Observation]]:
        """Wait at most ``timeout`` seconds for something to do, do it, and return what was observed."""
        # All answers at once: none may lie unread while its deadline is judged.
        events = self._epoll.poll(min(timeout, self.pause()), max(1, len(self._by_fd)))
        woken = self._clock()
        self._forgive(woken)
        for fd, mask in events:
            entry = self._by_fd.get(fd)
            if entry is None:
                self._unwatch(fd)
            else:
                now = self._clock()
                self._advance(entry, now, entry.probe.on_event, mask, now - entry.since)
        for entry in self._alarms.take(woken):
            if entry.running:
                self._advance(entry, self._clock(), entry.probe.on_deadline)
            else:
                self._enqueue(entry)
        self._start_queued()
        self._expect(self._clock())
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """End every running probe and release the descriptors."""
        self.change((), list(self._entries))
        self._epoll.close()

    def _expect(self, now: float) -> None:
        self._expected = now + self.pause()

    def _forgive(self, now: float) -> None:
        gap = now - self._expected
        if gap < STALL:
            return
        self.counters.stalls += 1
        for entry in self._entries.values():
            if entry.running:
                entry.since += gap
                entry.deadline += gap
                self._alarms.set(entry, entry.deadline)

    def _enqueue(self, entry: Entry[Name]) -> None:
        entry.queued = True
        self._queue.append(entry)

    def _start_queued(self) -> None:
        queue = self._queue
        for _ in range(min(BURST, len(queue))):
            now = self._clock()
            if self._running >= self._limit or now < self._starved_until:
                return
            entry = queue.popleft()
            if not entry.removed:
                self._start(entry, now)

    def _start(self, entry: Entry[Name], now: float) -> None:
        due, free = entry.slot, entry.free
        entry.slot, missed = catch_up(due, entry.interval, now)
        entry.queued = False
        entry.running = True
        entry.since = now
        entry.deadline = math.ceil((now + entry.timeout) * INSTANTS) / INSTANTS
        self._running += 1
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
        self, entry: Entry[Name], now: float, call: Callable[..., Wait | Result], *arguments: float
    ) -> bool:
        """Take one probe one call further; False when it has to be started again for want of resources."""
        starting = entry.waiting is None
        try:
            progress = call(*arguments)
            if isinstance(progress, Wait):
                if progress != entry.waiting:
                    self._watch(entry, progress)
                if starting:
                    self._alarms.set(entry, entry.deadline)
                return True
            if starting:
                now = self._clock()  # all that it took was within the call
            self._observe(entry, progress, now)
        except UnsentError as error:
            if starting and error.scarce:
                self._end(entry)
                return False
            self.counters.unsent[error.name] = self.counters.unsent.get(error.name, 0) + 1
        except Exception as error:  # noqa: BLE001 - one kind's mistake must not stop every other check
            self._report(entry.kind, error)
        self._end(entry)
        self._reschedule(entry, now)
        return True

    def _watch(self, entry: Entry[Name], wait: Wait) -> None:
        before = entry.waiting
        if before is not None and before.fd == wait.fd:
            self._epoll.modify(wait.fd, wait.events)
        else:
            if before is not None:
                del self._by_fd[before.fd]
                self._unwatch(before.fd)
            try:
                self._epoll.register(wait.fd, wait.events)
            except OSError as error:  # ENOSPC: /proc/sys/fs/epoll/max_user_watches, epoll(7)
                raise UnsentError(error.errno or 0) from error
            self._by_fd[wait.fd] = entry
        entry.waiting = wait

    def _unwatch(self, fd: int) -> None:
        with contextlib.suppress(OSError):  # a closed descriptor has left the epoll set by itself
            self._epoll.unregister(fd)

    def _observe(self, entry: Entry[Name], result: Result, now: float) -> None:
        ok, detail, share, warning, phases = result
        seen = Observation(ok, now, now - entry.since, detail, share, warning, phases)
        self._done.append((entry.name, seen))
        if ok:
            self.counters.passed += 1
        else:
            self.counters.failed += 1

    def _end(self, entry: Entry[Name]) -> None:
        if not entry.running:
            return
        if entry.waiting is not None:
            self._by_fd.pop(entry.waiting.fd, None)
            entry.waiting = None
        entry.probe.close()
        entry.running = False
        self._running -= 1
        self._starved_until = -math.inf  # what this probe held is free

    def _reschedule(self, entry: Entry[Name], now: float) -> None:
        entry.free = now
        after = entry.slot + entry.interval
        if entry.off_grid:
            after = slot_after_first(entry.phase, entry.interval, entry.slot)
            entry.off_grid = False
        entry.slot, missed = catch_up(after, entry.interval, now)
        self.counters.overlapped += missed
        self._alarms.set(entry, entry.slot)

    def _report(self, kind: CheckType, error: Exception) -> None:
        """Count a kind's own error, and print its first occurrence of a sort."""
        self.counters.broken += 1
        sort = f"{kind.value} {type(error).__name__}"
        if sort not in self._reported:
            self._reported.add(sort)
            traceback.print_exception(error, file=sys.stderr)
