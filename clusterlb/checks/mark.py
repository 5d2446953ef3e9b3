"""The number of the probe that the engine is working on, in eight bytes shared with the controller.

An engine that is stuck in one member's answer cannot report that. Before the engine works on a probe it
writes the probe's number into the shared memory, and 0 afterwards.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "CLUSTERLB_CHECK_MARK"  # holds the descriptor's number for the engine
SIZE = 8
BUSY = 0.25  # processors: a runnable process that got less CPU was starved, not stuck


class Mark:
    """The controller's side."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("clusterlb-check-mark")
        os.ftruncate(self.fd, SIZE)
        self._memory = mmap.mmap(self.fd, SIZE)

    def read(self) -> int:
        """Return the number of the probe that the engine is in, 0 for none."""
        return int.from_bytes(self._memory[:SIZE], "little")

    def close(self) -> None:
        """Release the memory on this side; the engine's side lasts until the engine ends."""
        self._memory.close()
        os.close(self.fd)


@contextmanager
def marking() -> Iterator[memoryview | None]:
    """Yield the engine's side, whose item 0 is the number; None if no controller shares memory."""
    given = os.environ.pop(VARIABLE, "")
    if not given.isdigit():
        yield None
        return
    with mmap.mmap(int(given), SIZE) as memory:
        os.close(int(given))
        view = memoryview(memory).cast("Q")
        try:
            yield view
        finally:
            view.release()


class Watcher:
    """Detects a process that stays in one probe; ``look`` is called at regular intervals."""

    def __init__(self, pid: int, mark: Mark) -> None:
        self._pid = pid
        self._mark = mark
        self._number = 0
        self._cpu = 0.0
        self._looks = 0

    def look(self) -> None:
        """Note which probe the process is in."""
        number = self._mark.read()
        if number != self._number:
            self._number, self._looks = number, 0
            self._cpu = _cpu(self._pid)[1]
        self._looks += 1

    def stuck(self, looks: int, seconds: float) -> int:
        """Return the probe that the process was in at each of the last ``looks``; 0 for none.

        A process was not stuck that is stopped (SIGSTOP, ptrace), or that was runnable and got no processor
        for most of ``seconds``.
        """
        if not self._number or self._looks < looks:
            return 0
        state, cpu = _cpu(self._pid)
        starved = state == "R" and cpu - self._cpu < BUSY * seconds
        return 0 if starved or state in "Tt" else self._number


def _cpu(pid: int) -> tuple[str, float]:
    """Return a process's state and its seconds of CPU (proc(5)); for one that has ended, ``T`` and 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "T", 0.0
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
