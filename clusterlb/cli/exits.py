"""What the exit status of every command means."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses; scripts may rely on them.

    OK: done. FAILED: it did not work, and the text says why. USAGE: the command line was wrong (click's own).
    INVALID: the inventory has errors. CHANGES: a plan is not empty. DEGRADED: not all is as it should be.
    UNREACHABLE: the daemon does not answer. REFUSED: a guard said no. TIMED_OUT: the wait was over first.
    DOWN: a controller was taken down, and is not to be started again by itself.
    """

    OK = 0
    FAILED = 1
    USAGE = 2
    INVALID = 3
    CHANGES = 4
    DEGRADED = 5
    UNREACHABLE = 6
    REFUSED = 7
    TIMED_OUT = 8
    DOWN = 9
