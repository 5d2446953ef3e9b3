"""Our lines in the file that FRR starts from."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from clusterlb.drivers.interface import DriverError


@dataclass(frozen=True, slots=True)
class Staged:
    """A new ``frr.conf`` on the disk beside the old one, complete and flushed."""

    new: Path
    file: Path

    def commit(self) -> None:
        """Put it in the old one's place, in one step."""
        try:
            self.new.replace(self.file)
            _flush_folder(self.file.parent)
        except OSError as error:
            raise DriverError(f"cannot replace {self.file}: {error.strerror}") from error

    def discard(self) -> None:
        """Forget it."""
        with contextlib.suppress(OSError):
            self.new.unlink()


def uses_integrated_file(folder: Path) -> bool:
    """Say whether FRR starts from ``frr.conf`` in this folder.

    vtysh.conf decides where it says so; else FRR reads frr.conf when it is there (vtysh/vtysh_config.c,
    vtysh_read_config). We never create the file where it was not in use: it would hide ``ospfd.conf``.
    """
    with contextlib.suppress(OSError):
        lines = [row.strip() for row in (folder / "vtysh.conf").read_text(encoding="utf-8").splitlines()]
        if "no service integrated-vtysh-config" in lines:
            return False
        if "service integrated-vtysh-config" in lines:
            return True
    return (folder / "frr.conf").exists()


def text_in(folder: Path) -> str:
    """Return the text of ``frr.conf``, empty where there is none; DriverError when it cannot be read.

    Ends of lines and bytes that are no UTF-8 (in a description) are kept as they are.
    """
    try:
        return (folder / "frr.conf").read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DriverError(
            f"cannot read {folder / 'frr.conf'} ({error.strerror}): FRR was not reconfigured."
        ) from error


def stage(folder: Path, old: str, text: str) -> Staged | None:
    """Write a new ``frr.conf`` beside the old one, owner and mode kept; None when nothing changes.

    Raises DriverError, with the old file untouched, when it cannot be written (a full disk).
    """
    if text == old:
        return None
    file = folder / "frr.conf"
    new = folder / f".frr.conf.clusterlb-{os.getpid()}"
    try:
        _write(new, text, like=file if file.exists() else folder)
    except OSError as error:
        Staged(new, file).discard()
        raise DriverError(
            f"cannot write {new} ({error.strerror}): {file} is unchanged and FRR was not reconfigured. "
            f"Make room on, or write access to, {folder}; the change is tried again."
        ) from error
    return Staged(new, file)


def _write(new: Path, text: str, like: Path) -> None:
    status = like.stat()
    # frr.conf may hold keys: nobody reads the new file before it has the old one's mode
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(text.encode(errors="surrogateescape"))
        handle.flush()
        os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, 0o640 if stat.S_ISDIR(status.st_mode) else stat.S_IMODE(status.st_mode))
        os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
