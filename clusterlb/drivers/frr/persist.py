"""Our lines in the file from which FRR starts."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from clusterlb.drivers.interface import DriverError


@dataclass(frozen=True, slots=True)
class Staged:
    """A new ``frr.conf``, complete and flushed to disk beside the old one."""

    new: Path
    file: Path

    def commit(self) -> None:
        """Replace the old file, atomically."""
        try:
            self.new.replace(self.file)
            _flush_folder(self.file.parent)
        except OSError as error:
            raise DriverError(f"cannot replace {self.file}: {error.strerror}") from error

    def discard(self) -> None:
        """Delete the new file."""
        with contextlib.suppress(OSError):
            self.new.unlink()


def uses_integrated_file(folder: Path) -> bool:
    """Say whether FRR starts from ``frr.conf`` in this folder.

    vtysh.conf decides if it has the setting; otherwise FRR reads frr.conf if the file exists
    (vtysh/vtysh_config.c, vtysh_read_config). We never create the file: it would hide ``ospfd.conf``.
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

    Line breaks, and bytes that are not UTF-8 (in a description), are kept as they are.
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
    """Write a new ``frr.conf`` beside the old one, with its owner and mode; None when nothing changes.

    Raises DriverError, with the old file unchanged, when the new file cannot be written (a full disk).
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
    # frr.conf may hold keys: only root can read the new file until it has the old file's mode
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
