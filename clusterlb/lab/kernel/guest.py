"""What every guest has in common: what it is to run, and how its process is seen to its end."""

from __future__ import annotations

import compileall
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterlb.lab.kernel import terminal
from clusterlb.lab.process import InterruptError, interruptible, say

HOST = Path("/run/host")  # where every guest sees the host's root
LIMIT = 3000.0  # seconds; no run may hang for ever
# what the guest's command finds in its environment, where this process has it
_KEPT = ("TERM", "LANG", "LC_ALL", "NO_COLOR", "CI", "HYPOTHESIS_PROFILE")
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Task:
    """A command for a guest, run in this process's working directory.

    ``memory`` is the guest's, in MiB; after ``limit`` seconds the guest is ended. ``tree`` is another
    system's root directory, which the guest has instead of this host's.
    """

    argv: Sequence[str]
    interactive: bool = False
    limit: float = LIMIT
    memory: int = 3072
    tree: Path | None = None

    @property
    def variables(self) -> dict[str, str]:
        """Return the command's whole environment."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        path = os.environ.get("PATH", os.defpath)
        return {**kept, "PATH": path, "HOME": "/root", "CLUSTERLB_LAB_KERNEL": "native"}

    @property
    def window(self) -> tuple[int, int] | None:
        """Return the rows and columns of an interactive command's terminal."""
        if not self.interactive:
            return None
        columns, rows = shutil.get_terminal_size()
        return rows, columns


def guest_path(path: Path) -> Path:
    """Return where a guest finds a file of the host, wherever it lies."""
    return HOST / path.resolve().relative_to("/")


def projects() -> list[Path]:
    """Return the directories that the command works in: this one, and clusterlb's own checkout."""
    source = Path(__file__).resolve().parents[3]
    found = outermost({Path.cwd().resolve(), source})
    return [path for path in found if not path.is_relative_to("/usr") and path != Path("/")]


def prefixes() -> list[Path]:
    """Return where this interpreter and its packages live, /usr apart."""
    found = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    paths = {Path(path).resolve() for path in found} | {Path(sys.prefix).absolute()}
    return [path for path in outermost(paths) if not path.is_relative_to("/usr")]


def precompile() -> None:
    """Compile our own modules here: a guest keeps nothing, so each guest would compile them again."""
    package = Path(__file__).resolve().parents[2]
    with contextlib.suppress(OSError):
        compileall.compile_dir(package, quiet=2, workers=1)


def outermost(found: Iterable[Path]) -> list[Path]:
    """Leave out the directories that lie in another one of them, and sort the rest."""
    paths = set(found)
    return sorted(p for p in paths if not any(p != other and p.is_relative_to(other) for other in paths))


def attend(
    process: subprocess.Popen[bytes],
    outputs: Mapping[int, int],
    task: Task,
    keyboard: int | None,
) -> int | None:
    """Relay a guest's outputs, ``outputs`` and ``keyboard`` as ``terminal.relay`` has them, until it ends.

    Returns nothing when the guest ended by itself. SIGINT, SIGTERM and SIGHUP end it: 128 and the number is
    returned; so does the task's limit: 124, as of timeout(1).
    """
    with interruptible():
        try:
            terminal.relay(process, outputs, keyboard, task.limit)
        except TimeoutError:
            say(f"the guest was ended after {task.limit:.0f} s")
            return 124
        except InterruptError as interrupted:
            return interrupted.status
        finally:
            _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the guest and what runs it: they are one session, hence one process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
