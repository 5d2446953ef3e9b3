"""TLS files that a probe needs and its process may not read: only root may read a private key.

A process that runs as root reads the files and sends them to the engine, which keeps them in memory.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from clusterlb.model.check import TlsOptions
from clusterlb.model.health import ProbeKey

LARGEST = 1 << 24  # bytes
SYSTEM = "system"

_given: dict[str, bytes] = {}


def give(files: Iterable[tuple[str, bytes]]) -> None:
    """Keep the contents of files, in place of earlier contents."""
    _given.update(files)


def held(path: str) -> bytes | None:
    """Return the content that was handed over for a file; None if none was: the file has to be read."""
    return _given.get(path)


@contextlib.contextmanager
def path_of(path: str) -> Iterator[str]:
    """Yield a path at which this process can open a file: OpenSSL loads certificates and keys by path only.

    A file that was handed over is put into anonymous memory (memfd_create(2)).
    """
    data = held(path)
    if data is None:
        yield path
        return
    with os.fdopen(os.memfd_create("clusterlb-tls", os.MFD_CLOEXEC), "wb") as file:
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def named(keys: Iterable[ProbeKey]) -> set[str]:
    """Return the TLS files that probes name."""
    files: set[str] = set()
    for options in {_tls(key) for key in keys}:
        if options is not None:
            files.update(filter(None, (options.ca, options.certificate, options.key)))
    return files - {SYSTEM}


def _tls(key: ProbeKey) -> TlsOptions | None:
    options = getattr(key.spec.options, "tls", key.spec.options)
    return options if isinstance(options, TlsOptions) else None


@dataclass(slots=True)
class Reader:
    """Reads files, and reads them again when they have changed."""

    _stamps: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def changed(self, paths: Iterable[str]) -> list[tuple[str, bytes]]:
        """Return the files that are new or have changed since the last call, and their contents.

        A file that cannot be read is left out, so that the probe that needs the file reports why, by name.
        """
        changed = []
        for path in paths:
            try:
                status = os.stat(path)  # noqa: PTH116 - a text, as options have it
                stamp = status.st_mtime_ns, status.st_ino, status.st_size
                good = stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST
                if self._stamps.get(path) != stamp and good:
                    changed.append((path, _read(path)))
                    self._stamps[path] = stamp
            except OSError:
                self._stamps.pop(path, None)
        return changed

    def forget(self) -> None:
        """Have the next ``changed`` return every file: for a new process."""
        self._stamps.clear()


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(LARGEST)
