"""Files of TLS that a probe needs and its process may not read: a private key is root's alone.

Whoever runs as root reads them and hands them over; the engine keeps them in memory.
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
    """Take in what files hold; later words replace earlier ones."""
    _given.update(files)


def held(path: str) -> bytes | None:
    """Return what was handed over of a file, None where nothing was: then it has to be read."""
    return _given.get(path)


@contextlib.contextmanager
def path_of(path: str) -> Iterator[str]:
    """Give a path under which this process can open a file: OpenSSL takes certificates and keys no other way.

    Of what was handed over it is one in memory, without a name in any folder (memfd_create(2)).
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
    """Return the files that probes name for TLS."""
    found: set[str] = set()
    for options in {_tls(key) for key in keys}:
        if options is not None:
            found.update(filter(None, (options.ca, options.certificate, options.key)))
    return found - {SYSTEM}


def _tls(key: ProbeKey) -> TlsOptions | None:
    options = getattr(key.spec.options, "tls", key.spec.options)
    return options if isinstance(options, TlsOptions) else None


@dataclass(slots=True)
class Reader:
    """Reads files again when they have changed."""

    _stamps: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def changed(self, paths: Iterable[str]) -> list[tuple[str, bytes]]:
        """Return the files that are new or have changed since the last look, as far as they can be read.

        One that cannot be read is not handed over, so that whoever needs it says why by its name.
        """
        found = []
        for path in paths:
            try:
                status = os.stat(path)  # noqa: PTH116 - a text, as options have it
                stamp = status.st_mtime_ns, status.st_ino, status.st_size
                good = stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST
                if self._stamps.get(path) != stamp and good:
                    found.append((path, _read(path)))
                    self._stamps[path] = stamp
            except OSError:
                self._stamps.pop(path, None)
        return found

    def forget(self) -> None:
        """Hand everything over again: to another process."""
        self._stamps.clear()


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(LARGEST)
