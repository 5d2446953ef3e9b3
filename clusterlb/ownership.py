"""Check that only root, or the user who runs this program, can change a file that the program trusts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path


def unsafe(path: Path) -> str:
    """Return which other user could change the file at a path, and what to do; empty if none could.

    Checked are the file and every folder above it, and those of the targets of symbolic links, as sshd checks
    ``authorized_keys`` (StrictModes, sshd_config(5)). Trusted owners are root, the user who runs this
    program, and the user who became root by sudo(8); one of them has granted a group its write permission. In
    a folder with the sticky bit, only its owner can replace other users' files (inode(7)).

    A path that is missing or unreadable returns "": the caller's read reports that.
    """
    for each in dict.fromkeys(_with_folders(path)):
        try:
            status = each.lstat()
        except OSError:
            return ""
        if status.st_uid not in _owners():
            return f"{each} belongs to uid {status.st_uid}, who could change it: chown root {each}"
        writable = status.st_mode & stat.S_IWOTH and not stat.S_ISLNK(status.st_mode)
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX and each != path
        if writable and not sticky:
            return f"anybody may change {each}: chmod o-w {each}"
    return ""


def kind(mode: int) -> str:
    """Name a file's type by its mode, as in ``a symbolic link``."""
    kinds = (
        (stat.S_ISREG, "a regular file"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a character device"),
        (stat.S_ISBLK, "a block device"),
    )
    return next((name for test, name in kinds if test(mode)), "something else")


def _owners() -> set[int]:
    owners = {0, os.geteuid()}
    by_sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and by_sudo.isascii() and by_sudo.isdigit():
        owners.add(int(by_sudo))
    return owners


def _with_folders(path: Path) -> Iterator[Path]:
    """Yield the folders above a path, from the root on, and the path; then the same for its real path."""
    for each in (Path(os.path.abspath(path)), Path(os.path.realpath(path))):  # noqa: PTH100 - `..` and links
        yield from reversed(each.parents)
        yield each
