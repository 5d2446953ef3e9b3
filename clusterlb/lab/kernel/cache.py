"""Where kernels of our own are kept once they are built: one directory a source version and settings."""

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
    """A User-Mode Linux that was built: the version of its Debian source package, and its program."""

    version: str
    binary: Path

    @property
    def runs(self) -> bool:
        """Say whether it starts on this machine at all."""
        try:
            done = subprocess.run([self.binary, "--version"], capture_output=True, check=False, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def kernels() -> Path:
    """Return the directory of them all, in the user's cache (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - HOME may be unset
    return Path(home) / "clusterlb" / "kernels"


def place(version: str) -> Built:
    """Return where the kernel of a source version with today's settings belongs, built or not."""
    return Built(version, kernels() / f"{version}_{_settings()}" / _BINARY)


def newest(package: str | None = None) -> Built | None:
    """Return the newest kernel that was built with today's settings, or of one package where it is named."""
    series = f"{package.removeprefix('linux-source-')}." if package else ""
    found = [place(path.name.rpartition("_")[0]) for path in kernels().glob(f"{series}*_{_settings()}")]
    return max((b for b in found if b.binary.is_file()), key=lambda b: version_key(b.version), default=None)


def outdated() -> list[Path]:
    """Return the directories of kernels that were built with other settings than today's."""
    return sorted(path for path in kernels().glob("*_*") if not path.name.endswith(f"_{_settings()}"))


def version_key(version: str) -> list[int]:
    """Return what versions of kernels are ordered by: their numbers, one after the other."""
    return [int(part) for part in re.findall(r"\d+", version)]


@cache
def _settings() -> str:
    return hashlib.sha256(FRAGMENT.read_bytes()).hexdigest()[:12]
