"""The controller's own files: nobody else reads them, nobody leads it elsewhere through them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from clusterlb.ownership import kind, unsafe

FOLDER = 0o700
FILE = 0o600
LARGEST = 64 * 1024 * 1024  # bytes that are read of a file of ours: what is larger is none


def folder(path: Path) -> None:
    """Make a folder that is ours alone, or take what older versions let others read from them.

    Raises OSError where that cannot be done, and where others may change the folder or what leads to it.
    """
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    why = unsafe(path)
    if why:
        raise _refused(path, why)
    if stat.S_IMODE(path.stat().st_mode) & ~FOLDER & 0o777 and path.stat().st_uid == os.geteuid():
        path.chmod(FOLDER)


def open_file(path: Path, flags: int) -> int:
    """Open or make a regular file that nobody else reads, and return its descriptor; OSError.

    A symbolic link is not followed, a FIFO not waited for: both are refused by what they are.
    """
    more = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | more, FILE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(path, "is a symbolic link, which is not followed: remove it") from error
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise _refused(path, f"is {kind(status.st_mode)}, not a regular file")
    if stat.S_IMODE(status.st_mode) & ~FILE & 0o777 and status.st_uid == os.geteuid():
        os.fchmod(descriptor, FILE)
    return descriptor


def read(path: Path) -> bytes:
    """Return what a file of ours holds; OSError where it is none, or larger than any of ours."""
    descriptor = open_file(path, os.O_RDONLY)
    with os.fdopen(descriptor, "rb") as file:
        found = file.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise _refused(path, f"has more than {LARGEST:,} bytes")
    return found


def replace(path: Path, data: bytes) -> None:
    """Put a new file in a file's place, durably and in one step; OSError, and the old one stays."""
    fresh = path.with_suffix(".new")
    folder(path.parent)
    try:
        left = fresh.lstat()
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISREG(left.st_mode):
            raise _refused(fresh, f"is {kind(left.st_mode)}, not a regular file: remove it")
        fresh.unlink()  # of a write that a crash cut off, or another's: it is not written through
    descriptor = open_file(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _refused(path: Path, why: str) -> OSError:
    return OSError(errno.EPERM, why, str(path))


def set_aside(path: Path) -> str:
    """Rename what cannot be used, so that the next start finds nothing, and say where it is; OSError."""
    for number in range(100):
        other = path.with_name(f"{path.name}.damaged{f'-{number}' if number else ''}")
        if not os.path.lexists(other):
            path.rename(other)
            return str(other)
    raise _refused(path, "has been put aside a hundred times: remove what is of no use")
