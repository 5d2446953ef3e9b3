"""The cache of built User-Mode Linux kernels: one directory for each source version and settings."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FRAGMENT = Path(__file__).with_name("uml.config")
_BINARY = "linux"


@dataclass(frozen=True, slots=True)
class Built:
    """A User-Mode Linux: the version of its Debian source package, and its program, built or not."""

    version: str
    binary: Path

    @property
    def runs(self) -> bool:
        """Say whether the program starts on this machine."""
        try:
            done = subprocess.run([self.binary, "--version"], capture_output=True, check=False, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def kernels() -> Path:
    """Return the directory of all kernels, in the user's cache (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - HOME may be unset
    return Path(home) / "clusterlb" / "kernels"


def entry(version: str) -> Built:
    """Return the cache's entry for a source version and the present settings, built or not."""
    return Built(version, kernels() / f"{version}_{_settings()}" / _BINARY)


def newest(package: str | None = None) -> Built | None:
    """Return the newest kernel built with the present settings, from one package if ``package`` is given."""
    series = f"{package.removeprefix('linux-source-')}." if package else ""
    found = [entry(path.name.rpartition("_")[0]) for path in kernels().glob(f"{series}*_{_settings()}")]
    return max((b for b in found if b.binary.is_file()), key=lambda b: version_key(b.version), default=None)


def outdated() -> list[Path]:
    """Return the directories of kernels that were built with other settings than the present ones."""
    return sorted(path for path in kernels().glob("*_*") if not path.name.endswith(f"_{_settings()}"))


def version_key(version: str) -> list[int]:
    """Return the sort key of a kernel version: its numbers in order."""
    return [int(part) for part in re.findall(r"\d+", version)]


@cache
def _settings() -> str:
    return hashlib.sha256(FRAGMENT.read_bytes()).hexdigest()[:12]
