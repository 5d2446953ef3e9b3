"""The exit statuses of all commands."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses; scripts may rely on them.

    OK: done. FAILED: an error, which the text explains. USAGE: wrong command line (click's own number).
    INVALID: the inventory has errors. CHANGES: the plan is not empty. DEGRADED: something needs attention.
    UNREACHABLE: the controller does not answer. REFUSED: a guard refused. TIMED_OUT: the deadline passed.
    DOWN: the controller was taken down, and systemd does not start it again.
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
