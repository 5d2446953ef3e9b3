"""Modules that only root can reach: some are imported after root is given up, when they are first needed.

An interpreter or a virtual environment may stand below a folder such as /root, which nobody else may enter.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from importlib import import_module, invalidate_caches
from pathlib import Path
from pkgutil import iter_modules

# what this package's modules import within functions, when it is first needed
_LATER = ("cryptography.x509", "encodings.idna")


def keep_modules_within_reach() -> None:
    """Have this process import, as anybody, what it can import now.

    A folder that is closed only by one above it is held open by a descriptor, by which others find it
    (proc(5), /proc/PID/fd): importing nothing before it is needed saves 25 MB and, on a small machine, half
    a second. Where the folder itself or a package in it is closed, all is imported now.
    """
    closed = [place for place in sys.path if place and Path(place).is_dir() and not _way_is_open(place)]
    if all(_is_open(place) for place in closed):
        _hold_open(closed)
    else:
        _import_all()


def _way_is_open(place: str) -> bool:
    folder = Path(place).resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))


def _is_open(place: str) -> bool:
    """Say whether others may read a folder and the packages in it."""
    folders = (Path(place), *(folder for folder in Path(place).iterdir() if folder.is_dir()))
    needed = stat.S_IROTH | stat.S_IXOTH
    return all(folder.stat().st_mode & needed == needed for folder in folders)


def _hold_open(places: Iterable[str]) -> None:
    moved = {}
    for place in places:
        descriptor = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        moved[place] = f"/proc/self/fd/{descriptor}"
    sys.path[:] = [moved.get(place, place) for place in sys.path]
    for module in tuple(sys.modules.values()):
        path = getattr(module, "__path__", None)
        if isinstance(path, list):  # a namespace's follows sys.path by itself
            path[:] = [_within(folder, moved) for folder in path]
    invalidate_caches()


def _within(folder: str, moved: dict[str, str]) -> str:
    """Return a folder's name by the descriptor of the deepest place that holds it."""
    for place in sorted(moved, key=len, reverse=True):
        if folder.startswith(f"{place}/"):
            return moved[place] + folder.removeprefix(place)
    return folder


def _import_all() -> None:
    package = str(__package__)
    here = (f"{package}.{found.name}" for found in iter_modules([str(Path(__file__).parent)]))
    for module in (*here, *_LATER):
        import_module(module)
