"""The runner: due times on a heap, epoll, no thread and no coroutine per check."""

from __future__ import annotations

import contextlib
import math
import select
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable

from clusterlb.checks.alarms import Alarmed, Alarms
from clusterlb.checks.kinds import make_probe
from clusterlb.checks.probe import Probe, Result, UnsentError, Wait
from clusterlb.checks.schedule import catch_up, first_start, slot_after_first
from clusterlb.checks.stats import Counters, Lag
from clusterlb.model.health import Observation, ProbeKey

BURST = 64  # starts per step, so that answers are read soon after they came and `took` is true
RETRY = 0.1  # seconds until the next try when descriptors or memory have run out
STALL = 0.5  # a step that comes this many seconds too late finds a process that stood still


class _Entry(Alarmed):
    """One key's schedule, and its probe's present or latest run."""

    __slots__ = (
        "deadline",
        "free",
        "key",
        "off_grid",
        "probe",
        "queued",
        "removed",
        "since",
        "slot",
        "waiting",
    )

    def __init__(self, key: ProbeKey, probe: Probe, slot: float) -> None:
        super().__init__()
        self.key = key
        self.probe = probe
        self.slot = slot
        self.off_grid = True  # the first probe comes before the key's own slots
        self.free = slot  # since when nothing but the engine has kept the next probe waiting
        self.deadline = math.inf
        self.since = math.inf
        self.waiting: Wait | None = None
        self.queued = False
        self.removed = False


class Runner:
    """Runs one probe per key, never two of one key at once, each within its own total deadline.

    Slots do not drift: the next is the previous plus the interval. Slots that were missed are counted, not
    made up for. When the process (or the whole machine) stood still, that time does not count against the
    members whose answers were due. ``limit`` caps the probes running at once. ``clock`` gives seconds
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
        self._entries: dict[ProbeKey, _Entry] = {}
        self._alarms: Alarms[_Entry] = Alarms()
        self._queue: deque[_Entry] = deque()
        self._by_fd: dict[int, _Entry] = {}
        self._running: set[_Entry] = set()
        self._starved_until = -math.inf
        self._expected = math.inf
        self._done: list[tuple[ProbeKey, Observation]] = []
        self._reported: set[str] = set()
        self.counters = Counters()
        self.lag = Lag()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def running(self) -> int:
        """Return how many probes are under way."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """Return how many probes are due and not begun, for the cap or for want of descriptors."""
        return sum(1 for entry in self._queue if not entry.removed)

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when a step has answers to read."""
        return self._epoll.fileno()

    def set_probes(self, keys: Iterable[ProbeKey]) -> None:
        """Probe exactly these keys; those kept keep their schedule and their running probe."""
        wanted = dict.fromkeys(keys)
        self.change(wanted, [key for key in self._entries if key not in wanted])

    def change(self, add: Iterable[ProbeKey], remove: Iterable[ProbeKey]) -> None:
        """Forget some keys, at once even where their probe is running, and begin to probe others."""
        now = self._clock()
        for key in remove:
            entry = self._entries.pop(key, None)
            if entry is not None:
                entry.removed = True
                self._alarms.cancel(entry)
                self._end(entry)
        for key in add:
            if key not in self._entries:
                try:
                    entry = _Entry(key, self._factory(key), first_start(key, now))
                except Exception as error:  # noqa: BLE001 - one kind's mistake must not stop every other check
                    self._report(key, error)
                    continue
                self._entries[key] = entry
                self._alarms.set(entry, entry.slot)
        self._expect(now)

    def check_now(self, key: ProbeKey) -> None:
        """Run one more probe of a key at once; its slots stay. Nothing happens while one is under way."""
        entry = self._entries.get(key)
        if entry is not None and entry not in self._running and not entry.queued:
            entry.slot = entry.free = self._clock()
            entry.off_grid = True
            self._enqueue(entry)
            self._expect(entry.slot)

    def pause(self) -> float:
        """Return the seconds until a step has something to do, answers apart; 0 when it has already."""
        now = self._clock()
        if self._queue and len(self._running) < self._limit:
            return max(0.0, self._starved_until - now)
        return max(0.0, self._alarms.next() - now)

    def step(self, timeout: float) -> list[tuple[ProbeKey, Observation]]:
        """Wait at most ``timeout`` seconds for something to do, do it, and return what was observed."""
        # All answers at once: none may lie unread while its deadline is judged.
        events = self._epoll.poll(min(timeout, self.pause()), max(1, len(self._by_fd)))
        now = self._clock()
        self._forgive(now)
        for fd, mask in events:
            entry = self._by_fd.get(fd)
            if entry is None:
                self._unwatch(fd)
            else:
                self._advance(entry, entry.probe.on_event, mask, self._clock() - entry.since)
        for entry in self._alarms.take(now):
            if entry not in self._running:
                self._enqueue(entry)
            else:
                self._advance(entry, entry.probe.on_deadline)
        self._start_queued()
        self._expect(self._clock())
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """End every running probe and release the descriptors."""
        self.set_probes(())
        self._epoll.close()

    def _expect(self, now: float) -> None:
        self._expected = now + self.pause()

    def _forgive(self, now: float) -> None:
        gap = now - self._expected
        if gap < STALL:
            return
        self.counters.stalls += 1
        for entry in self._running:
            entry.since += gap
            entry.deadline += gap
            self._alarms.set(entry, entry.deadline)

    def _enqueue(self, entry: _Entry) -> None:
        self._alarms.cancel(entry)
        entry.queued = True
        self._queue.append(entry)

    def _start_queued(self) -> None:
        for _ in range(BURST):
            now = self._clock()
            if not self._queue or len(self._running) >= self._limit or now < self._starved_until:
                return
            entry = self._queue.popleft()
            if not entry.removed:
                self._start(entry, now)

    def _start(self, entry: _Entry, now: float) -> None:
        due = entry.slot
        lag = now - max(due, entry.free)
        entry.slot, missed = catch_up(due, entry.key.spec.interval, now)
        entry.queued = False
        entry.since = now
        entry.deadline = now + entry.key.spec.timeout
        self._running.add(entry)
        if not self._advance(entry, entry.probe.start):
            entry.slot = due
            entry.queued = True
            self._queue.appendleft(entry)
            self._starved_until = now + RETRY
            self.counters.postponed += 1
            return
        self.counters.started += 1
        self.counters.skipped += missed
        self.lag.add(max(0.0, lag))

    def _advance(self, entry: _Entry, call: Callable[..., Wait | Result], *arguments: float) -> bool:
        """Take one probe one call further; False when it has to be started again for want of resources."""
        starting = entry.waiting is None
        try:
            progress = call(*arguments)
            if isinstance(progress, Wait):
                self._watch(entry, progress)
                if starting:
                    self._alarms.set(entry, entry.deadline)
                return True
            self._observe(entry, progress)
        except UnsentError as error:
            if starting and error.scarce:
                self._end(entry)
                return False
            self.counters.unsent[error.name] = self.counters.unsent.get(error.name, 0) + 1
        except Exception as error:  # noqa: BLE001 - one kind's mistake must not stop every other check
            self._report(entry.key, error)
        self._end(entry)
        self._reschedule(entry)
        return True

    def _watch(self, entry: _Entry, wait: Wait) -> None:
        before = entry.waiting
        if wait == before:
            return
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

    def _observe(self, entry: _Entry, result: Result) -> None:
        now = self._clock()
        self._done.append((entry.key, Observation(result.ok, now, now - entry.since, *result[1:])))
        if result.ok:
            self.counters.passed += 1
        else:
            self.counters.failed += 1

    def _end(self, entry: _Entry) -> None:
        if entry not in self._running:
            return
        if entry.waiting is not None:
            self._by_fd.pop(entry.waiting.fd, None)
            entry.waiting = None
        entry.probe.close()
        self._running.discard(entry)
        self._starved_until = -math.inf  # what this probe held is free

    def _reschedule(self, entry: _Entry) -> None:
        now = entry.free = self._clock()
        interval = entry.key.spec.interval
        after = slot_after_first(entry.key, entry.slot) if entry.off_grid else entry.slot + interval
        entry.off_grid = False
        entry.slot, missed = catch_up(after, interval, now)
        self.counters.overlapped += missed
        self._alarms.set(entry, entry.slot)

    def _report(self, key: ProbeKey, error: Exception) -> None:
        """Count a kind's own error, and print its first occurrence of a sort."""
        self.counters.broken += 1
        sort = f"{key.spec.type.value} {type(error).__name__}"
        if sort not in self._reported:
            self._reported.add(sort)
            traceback.print_exception(error, file=sys.stderr)
