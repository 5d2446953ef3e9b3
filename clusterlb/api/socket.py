"""The unix socket of one controller: taken over from a dead process, never from a living one."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from clusterlb.controller import private
from clusterlb.ownership import kind, unsafe

MODE = 0o660
FOLDER = 0o755


class TakenError(Exception):
    """Another process owns the socket, or anybody may write to its folder; the text says what to do."""


class ControllerSocket:
    """A listening socket at ``path``, and the lock file beside it that keeps a second controller away.

    The kernel releases the lock when the process ends, so the socket that a killed controller left behind is
    taken over. ``close`` removes our socket, and never another that stands at the path by then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1
        self._ours: tuple[int, int] | None = None

    def listen(self) -> socket.socket:
        """Return the listening socket; OSError or TakenError, with the socket of another left as it is."""
        self.path.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        if why := unsafe(self.path.parent):
            raise TakenError(why)
        self._lock = private.open_file(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._taken() from None
        self._remove_stale()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listening.bind(str(self.path))
            status = self.path.lstat()
            self._ours = status.st_dev, status.st_ino
            self.path.chmod(MODE)  # before anybody can connect: nothing listens yet
        except BaseException:
            listening.close()
            raise
        return listening

    def close(self) -> None:
        """Remove the socket, if it is still ours, and release the lock."""
        with suppress(OSError):
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == self._ours:
                self.path.unlink()
        self._ours = None
        if self._lock != -1:
            os.close(self._lock)
            self._lock = -1

    def _remove_stale(self) -> None:
        try:
            mode = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise TakenError(f"{self.path} is {kind(mode)}: remove it, or choose another --run-dir")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asking:
            try:
                asking.connect(str(self.path))
            except ConnectionRefusedError:
                self.path.unlink()  # left behind by a killed controller
                return
            except BlockingIOError:
                pass  # the backlog of a listening socket is full (unix(7))
        raise self._taken()

    def _taken(self) -> TakenError:
        return TakenError(
            f"another controller answers on {self.path} (clusterlb status asks it); stop that one, or give "
            f"this one a --run-dir of its own"
        )
