"""The engine's messages that the controller has not read yet, in bounded memory."""

from __future__ import annotations

import os
from typing import Any

from clusterlb.checks.wire import DETAIL, ROWS, Row, line


class Outbox:
    """Writes lines to a descriptor that is in non-blocking mode.

    While the reader is behind, only the latest observation of each key and the latest heartbeat are kept;
    ``dropped`` counts observations that a newer one replaced.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rows: dict[int, Row] = {}
        self._troubles: dict[int, str] = {}
        self._beat: dict[str, Any] | None = None
        self._writing = b""
        self.dropped = 0

    def __bool__(self) -> bool:
        return bool(self._writing or self._rows or self._troubles or self._beat is not None)

    def observe(self, row: Row) -> None:
        """Queue an observation, in place of an older one of the same key."""
        number = row[0]
        self._troubles.pop(number, None)
        if number in self._rows:
            self.dropped += 1
        self._rows[number] = row

    def complain(self, number: int, trouble: str) -> None:
        """Queue the reason why a key could not be probed, in place of an older reason."""
        self._troubles[number] = trouble[:DETAIL]

    def forget(self, number: int) -> None:
        """Drop all queued rows of a key that is no longer probed."""
        self._rows.pop(number, None)
        self._troubles.pop(number, None)

    def beat(self, values: dict[str, Any]) -> None:
        """Queue a heartbeat, in place of an older one."""
        self._beat = values

    def flush(self) -> bool:
        """Write until the pipe is full; return whether all is written. BrokenPipeError without a reader."""
        while self:
            if not self._writing:
                self._writing = self._next()
            try:
                self._writing = self._writing[os.write(self._fd, self._writing) :]
            except BlockingIOError:
                return False
        return True

    def _next(self) -> bytes:
        if self._beat is not None:
            text, self._beat = line({"beat": self._beat}), None
            return text
        if self._rows:  # before the troubles: a key's queued trouble is newer than its row
            numbers = list(self._rows)[:ROWS]
            return line({"seen": [self._rows.pop(number) for number in numbers]})
        numbers = list(self._troubles)[:ROWS]
        return line({"unsent": [(number, self._troubles.pop(number)) for number in numbers]})
