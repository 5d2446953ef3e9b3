"""Kind ``file``: a number in a file on this director decides whether the member is up."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import cast

from clusterlb.checks.probe import Result, UnsentError, Wait, fill_in
from clusterlb.model.check import FileOptions
from clusterlb.model.health import ProbeKey

# The check engine's user may not read the file, which is no verdict about the member.
OURS = (errno.EACCES, errno.EPERM)
CONTENT_LIMIT = 64  # bytes: three digits, and room for blanks
NUMBER = re.compile(rb"\s*(\d{1,3})\s*")


class FileProbe:
    """Read the number. The probe is one short read within ``start``: the file system must be a local one.

    A file that is missing or holds anything but a number fails the check: its writer does not vouch for the
    member. A file may be empty for a moment, between its writer's truncate and write; ``fall`` bridges that
    moment, and renaming a new file into place avoids it.
    """

    __slots__ = ("_path", "_weight")

    def __init__(self, key: ProbeKey) -> None:
        options = cast(FileOptions, key.spec.options)
        self._path = fill_in(options.path, key.endpoint)
        self._weight = options.weight

    def start(self) -> Wait | Result:
        """Read and judge."""
        try:
            content = read_start(self._path)
        except OSError as error:
            if error.errno in UnsentError.SCARCE:
                raise UnsentError(error.errno or 0) from error
            if error.errno in OURS:
                raise UnsentError(error.errno or 0, self._path) from error
            return Result(False, f"{self._path}: {os.strerror(error.errno or 0).lower()}")
        ok, detail, share = judge_number(content)
        return Result(ok, f"{self._path} {detail}", share if self._weight else None)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        """Never called: no run waits."""
        raise NotImplementedError

    def on_deadline(self) -> Result:
        """Never called: no run waits."""
        raise NotImplementedError

    def close(self) -> None:
        """Release nothing."""


def read_start(path: str) -> bytes | None:
    """Return the first CONTENT_LIMIT + 1 bytes of a regular file; None for anything else.

    O_NONBLOCK keeps the opening of a FIFO without a writer from waiting for one (fifo(7)).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, CONTENT_LIMIT + 1)
    finally:
        os.close(descriptor)


def judge_number(content: bytes | None) -> tuple[bool, str, int | None]:
    """Return whether a file's content passes, why, and its share of the weight in per cent."""
    if content is None:
        return False, "is not a regular file", None
    if not content:
        return False, "is empty", None
    number = NUMBER.fullmatch(content) if len(content) <= CONTENT_LIMIT else None
    if number is None or int(number[1]) > 100:
        return False, "does not hold a number from 0 to 100", None
    value = int(number[1])
    return value > 0, f"holds {value}", value or None
