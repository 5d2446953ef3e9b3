"""Keep modules importable after root's privileges are dropped: some are imported when they are first needed.

An interpreter or a virtual environment may lie below a folder such as /root, which only root may enter.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from importlib import import_module, invalidate_caches
from pathlib import Path
from pkgutil import iter_modules

# modules that functions of this package import at their first use
_LATER = ("cryptography.x509", "encodings.idna")


def keep_modules_within_reach() -> None:
    """Let this process, as any user, import all that it can import now.

    If only a folder above an entry of sys.path is closed to others, a descriptor holds the entry open, and
    imports go through the descriptor (proc(5), /proc/PID/fd): importing modules at their first use saves 25
    MB and, on a small machine, half a second. If the entry itself or a package in it is closed to others,
    all modules are imported now.
    """
    closed = [entry for entry in sys.path if entry and Path(entry).is_dir() and not _path_is_open(entry)]
    if all(_is_readable(entry) for entry in closed):
        _hold_open(closed)
    else:
        _import_all()


def _path_is_open(entry: str) -> bool:
    folder = Path(entry).resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))


def _is_readable(entry: str) -> bool:
    """Say whether others may read a folder and the packages in it."""
    folders = (Path(entry), *(folder for folder in Path(entry).iterdir() if folder.is_dir()))
    needed = stat.S_IROTH | stat.S_IXOTH
    return all(folder.stat().st_mode & needed == needed for folder in folders)


def _hold_open(entries: Iterable[str]) -> None:
    moved = {}
    for entry in entries:
        descriptor = os.open(entry, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        moved[entry] = f"/proc/self/fd/{descriptor}"
    sys.path[:] = [moved.get(entry, entry) for entry in sys.path]
    for module in tuple(sys.modules.values()):
        path = getattr(module, "__path__", None)
        if isinstance(path, list):  # a namespace package's path follows sys.path by itself
            path[:] = [_through_descriptor(folder, moved) for folder in path]
    invalidate_caches()


def _through_descriptor(folder: str, moved: dict[str, str]) -> str:
    """Return a folder's name through the descriptor of the deepest entry that holds the folder."""
    for entry in sorted(moved, key=len, reverse=True):
        if folder.startswith(f"{entry}/"):
            return moved[entry] + folder.removeprefix(entry)
    return folder


def _import_all() -> None:
    package = str(__package__)
    here = (f"{package}.{found.name}" for found in iter_modules([str(Path(__file__).parent)]))
    for module in (*here, *_LATER):
        import_module(module)
