"""Which probe the engine is in, seen from outside: eight bytes that the controller and its engine share.

An engine that got stuck in one member's answer cannot say so any more. Before it takes a probe further it
writes the probe's number here, and 0 afterwards.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "CLUSTERLB_CHECK_MARK"  # holds the descriptor's number for the engine
SIZE = 8
BUSY = 0.25  # cores: a process that can run and got less of the processor was not stuck but starved


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
        """Release the memory; the engine's side stays until it ends."""
        self._memory.close()
        os.close(self.fd)


@contextmanager
def marking() -> Iterator[memoryview | None]:
    """Yield the engine's side, None where no controller shares one; item 0 is the number."""
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
    """Follows whether a process stays in one probe; asked at regular intervals."""

    def __init__(self, pid: int, mark: Mark) -> None:
        self._pid = pid
        self._mark = mark
        self._number = 0
        self._cpu = 0.0
        self._looks = 0

    def look(self) -> None:
        """Note which probe the process is in now."""
        number = self._mark.read()
        if number != self._number:
            self._number, self._looks = number, 0
            self._cpu = _cpu(self._pid)[1]
        self._looks += 1

    def stuck(self, looks: int, seconds: float) -> int:
        """Return the probe that the process was in at each of the last ``looks``; 0 for none.

        Nor was a process stuck that was stopped, or that could run and got no processor for most of
        ``seconds``.
        """
        if not self._number or self._looks < looks:
            return 0
        state, cpu = _cpu(self._pid)
        starved = state == "R" and cpu - self._cpu < BUSY * seconds
        return 0 if starved or state in "Tt" else self._number


def _cpu(pid: int) -> tuple[str, float]:
    """Return a process's state and its seconds of CPU (proc(5)); stopped where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "T", 0.0
    return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
