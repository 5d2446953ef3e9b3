"""The descriptors that probes wait for, and the events that epoll(7) reports."""

from __future__ import annotations

import contextlib
import select
from typing import Generic

from clusterlb.checks.probe import UnsentError, Wait
from clusterlb.checks.schedule import Name, ScheduledProbe


class Watch(Generic[Name]):
    """One epoll set, and the probe of each descriptor in the set."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._by_fd: dict[int, ScheduledProbe[Name]] = {}

    def fileno(self) -> int:
        """Return a descriptor that is readable when ``poll`` has events to return."""
        return self._epoll.fileno()

    def poll(self, timeout: float) -> list[tuple[ScheduledProbe[Name], int]]:
        """Return the probes with events within so many seconds, and the events."""
        reported = []
        for fd, events in self._epoll.poll(timeout, max(1, len(self._by_fd))):
            entry = self._by_fd.get(fd)
            if entry is None:
                self._remove(fd)
            else:
                reported.append((entry, events))
        return reported

    def set(self, entry: ScheduledProbe[Name], wait: Wait) -> None:
        """Report the events that a probe waits for; raise UnsentError when the kernel's limit is reached."""
        before = entry.waiting
        if before is not None and before.fd == wait.fd:
            self._epoll.modify(wait.fd, wait.events)
        else:
            if before is not None:
                del self._by_fd[before.fd]
                self._remove(before.fd)
            self._add(wait)
            self._by_fd[wait.fd] = entry
        entry.waiting = wait

    def hold(self, entry: ScheduledProbe[Name]) -> None:
        """Report no event of a probe until ``go_on``: removed, because epoll always reports errors."""
        if entry.waiting is not None:
            self._remove(entry.waiting.fd)

    def go_on(self, entry: ScheduledProbe[Name]) -> None:
        """Report the events that a probe waits for again."""
        if entry.waiting is not None:
            self._add(entry.waiting)

    def forget(self, entry: ScheduledProbe[Name]) -> None:
        """Report no more events of a probe; closing its descriptor takes the descriptor out of the set."""
        if entry.waiting is not None:
            self._by_fd.pop(entry.waiting.fd, None)
            entry.waiting = None

    def close(self) -> None:
        """Release the set."""
        self._epoll.close()

    def _add(self, wait: Wait) -> None:
        try:
            self._epoll.register(wait.fd, wait.events)
        except OSError as error:  # ENOSPC: /proc/sys/fs/epoll/max_user_watches, epoll(7)
            raise UnsentError(error.errno or 0) from error

    def _remove(self, fd: int) -> None:
        with contextlib.suppress(OSError):  # the kernel has removed a closed descriptor itself
            self._epoll.unregister(fd)
