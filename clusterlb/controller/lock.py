"""One controller at a time on a director: two would undo each other's work."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockedError(Exception):
    """Another controller holds this director's state directory."""


@contextmanager
def only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state directory's lock; raise LockedError when another process does.

    The kernel releases it when the process ends, however that comes about.
    """
    path = state_dir / "lock"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise LockedError(f"{path}: cannot be opened: {error.strerror}; see --state-dir") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(
                f"another clusterlb runs with the state directory {state_dir} (clusterlb status asks it); "
                f"stop that one, or give this one a --state-dir of its own"
            ) from error
        yield
