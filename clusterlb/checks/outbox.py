"""What the engine has to say and its reader has not taken yet, in bounded memory."""

from __future__ import annotations

import os
from typing import Any

from clusterlb.checks.wire import DETAIL, ROWS, Row, line


class Outbox:
    """Writes lines to a descriptor that is in non-blocking mode.

    While the reader is behind, only the latest observation of each key and the latest heartbeat are kept;
    ``dropped`` counts the observations that gave way to newer ones.
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
        """Take an observation in, in place of an older one of the same key."""
        number = row[0]
        self._troubles.pop(number, None)
        if number in self._rows:
            self.dropped += 1
        self._rows[number] = row

    def complain(self, number: int, trouble: str) -> None:
        """Take in why a key could not be probed, in place of an older reason."""
        self._troubles[number] = trouble[:DETAIL]

    def forget(self, number: int) -> None:
        """Throw away what is left of a key that is probed no more."""
        self._rows.pop(number, None)
        self._troubles.pop(number, None)

    def beat(self, values: dict[str, Any]) -> None:
        """Take a heartbeat in, in place of an older one."""
        self._beat = values

    def flush(self) -> bool:
        """Write what the reader takes; False when something is left, BrokenPipeError when it is gone."""
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
        if self._rows:  # first: a trouble that is left is newer than the key's row
            numbers = list(self._rows)[:ROWS]
            return line({"seen": [self._rows.pop(number) for number in numbers]})
        numbers = list(self._troubles)[:ROWS]
        return line({"unsent": [(number, self._troubles.pop(number)) for number in numbers]})
