"""One controller at a time on a director: two would undo each other's work."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusterlb.controller import private


class AlreadyRunningError(Exception):
    """Another controller holds this director's state directory."""


@contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state directory's lock; raise AlreadyRunningError when another process does.

    The kernel releases it when the process ends, however that comes about. Whoever may open the file can hold
    the lock (flock(2)), so nobody else may.
    """
    path = state_dir / "lock"
    try:
        private.folder(state_dir)
        descriptor = private.open_file(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise AlreadyRunningError(f"{path}: cannot be opened: {error.strerror}; see --state-dir") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(
                f"another clusterlb runs with the state directory {state_dir} (clusterlb status asks it); "
                f"stop that one, or give this one a --state-dir of its own"
            ) from error
        yield
    finally:
        os.close(descriptor)
