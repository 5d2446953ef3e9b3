"""Who may change a file: what this program believes must be root's to say, or that of whoever runs it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path


def unsafe(path: Path) -> str:
    """Say who else could change what this path leads to, and what to do; empty when nobody could.

    Looked at are the file and every folder on the way to it, the target's too where there are symbolic links,
    as sshd looks at ``authorized_keys`` (StrictModes, sshd_config(5)). An owner is root, whoever runs this
    program, or whoever became root by sudo(8); a group that may write was given that by one of them. In a
    folder with the sticky bit nobody but its owner can replace what is another's (inode(7)).

    A path that is not there, or cannot be looked at, is for whoever reads it to name.
    """
    for each in dict.fromkeys(_way(path)):
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
    """Name what a file is by its mode, as ``a symbolic link``."""
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


def _way(path: Path) -> Iterator[Path]:
    """Yield the folders that lead to a path, from the root on, and the path; then those of what it means."""
    for each in (Path(os.path.abspath(path)), Path(os.path.realpath(path))):  # noqa: PTH100 - `..` and links
        yield from reversed(each.parents)
        yield each
