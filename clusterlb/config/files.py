"""Inventory files on the disk: their names, sizes and encodings, and the errors of reading them."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import stat
from pathlib import Path

from clusterlb.config.report import Report
from clusterlb.config.source import Source, UnusableFileError
from clusterlb.ownership import kind

LIMIT = 16 * 1024 * 1024  # bytes of an inventory, all files together
SUFFIXES = (".yaml", ".yml")

_MARKED = {  # byte order marks; UTF-32's before UTF-16's, of which one is the beginning of the other
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_UNMARKED = {  # without a byte order mark: an ASCII character as two or four bytes
    "UTF-32LE": re.compile(rb"[\t\n\r -~]\0\0\0"),
    "UTF-32BE": re.compile(rb"\0\0\0[\t\n\r -~]"),
    "UTF-16LE": re.compile(rb"[\t\n\r -~]\0"),
    "UTF-16BE": re.compile(rb"\0[\t\n\r -~]"),
}


def printable_path(path: Path) -> str:
    """Return a path as printable text, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def files(path: Path) -> list[Path]:
    """Return the files of an inventory: the path itself, or a folder's ``*.yaml`` and ``*.yml`` by name.

    Raises UnusableFileError when there are none, or the path cannot be read.
    """
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return [path]
        names = sorted(entry.name for entry in path.iterdir() if _wanted(entry.name))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if not names:
        raise UnusableFileError(
            "no inventory file in this folder", "put at least one *.yaml or *.yml file there"
        )
    return [path / name for name in names]


def read(path: Path, room: int, report: Report) -> Source | None:
    """Read one regular file of at most ``room`` bytes; None, with a problem in the report, on an error."""
    name = printable_path(path)
    try:
        data = _bytes(path, room)
    except UnusableFileError as error:
        report.unusable(Source(name), error)
        return None
    body = data.removeprefix(codecs.BOM_UTF8)
    encoding = _other_encoding(data)
    if encoding:
        report.error(Source(name).as_place, f"is {encoding}, not UTF-8", _convert(encoding))
        return None
    try:
        return Source(name, body.decode(), len(data), hashlib.sha256(data).digest())
    except UnicodeDecodeError as error:
        good = body[: error.start].decode()
        shown = Source(name, body.decode(errors="replace"))
        place = Source(name, good).place(len(good))._replace(source=shown)
        offset = error.start + len(data) - len(body)
        report.error(
            place,
            f"not UTF-8: byte 0x{body[error.start]:02x} at byte offset {offset}, line {place.line}",
            "is this a text file?" if b"\0" in data else _convert("ISO-8859-1"),
        )
        return None


def _bytes(path: Path, room: int) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            found = kind(status.st_mode)
            raise UnusableFileError(f"is {found}, not a regular file", "give a YAML file or a folder of them")
        if status.st_size > room:
            raise _too_large(status.st_size, room)
        with path.open("rb") as file:
            # not status.st_size, which is 0 for files of /proc, and may grow meanwhile
            data = file.read(room + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if len(data) > room:
        raise _too_large(len(data), room)
    return data


def _wanted(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _unreadable(path: Path, error: OSError | ValueError) -> UnusableFileError:
    if isinstance(error, ValueError):
        return UnusableFileError(f"cannot be a path: {error}")
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return UnusableFileError(
                f"is a broken symbolic link to {printable_path(path.readlink())}",
                "repair the link or remove it",
            )
        return UnusableFileError("no such file or folder", "check the path")
    if isinstance(error, PermissionError):
        return UnusableFileError(
            "may not be read: permission denied", "check owner and mode: `ls -l`, `namei -l`"
        )
    return UnusableFileError(f"cannot be read: {error.strerror or error}")


def _too_large(size: int, room: int) -> UnusableFileError:
    left = "" if room == LIMIT else f", of which the files before it leave {room:,}"
    return UnusableFileError(
        f"is too large: {size:,} bytes or more; an inventory may have {LIMIT:,}{left}",
        "is this an inventory? 1,000 services with 10 members each are about 1 MB",
    )


def _other_encoding(data: bytes) -> str:
    """Return another encoding than UTF-8 that a file's first bytes indicate; empty without one."""
    marked = (name for mark, name in _MARKED.items() if data.startswith(mark))
    unmarked = (name for name, form in _UNMARKED.items() if form.match(data))
    return next(marked, "") or next(unmarked, "")


def _convert(encoding: str) -> str:
    return f"save the file as UTF-8, or convert it, for example: `iconv -f {encoding} -t UTF-8`"
