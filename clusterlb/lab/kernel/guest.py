"""The common parts of all guests: the command to run, and the guest's process from start to end."""

from __future__ import annotations

import compileall
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import termios
import time
import tty
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterlb.lab.process import InterruptError, interruptible, say

HOST = Path("/run/host")  # the host's root in every guest
LIMIT = 3000.0  # seconds; no run may hang for ever
# environment variables that the guest's command inherits
_KEPT = ("TERM", "LANG", "LC_ALL", "NO_COLOR", "CI", "HYPOTHESIS_PROFILE")
_CHUNK = 65536
_PATIENCE = 5.0  # seconds between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True)
class Task:
    """A command for a guest, run in this process's working directory.

    ``memory``: the guest's, in MiB. After ``limit`` seconds the guest is ended. ``tree``: another system's
    root directory, which the guest uses instead of this host's.
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
    """Return the path of a host's file in a guest."""
    return HOST / path.resolve().relative_to("/")


def projects() -> list[Path]:
    """Return the directories that the command works in: the present one, and clusterlb's checkout."""
    source = Path(__file__).resolve().parents[3]
    found = outermost({Path.cwd().resolve(), source})
    return [path for path in found if not path.is_relative_to("/usr") and path != Path("/")]


def prefixes() -> list[Path]:
    """Return the directories of this interpreter and its packages, without those under /usr."""
    found = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    paths = {Path(path).resolve() for path in found} | {Path(sys.prefix).absolute()}
    return [path for path in outermost(paths) if not path.is_relative_to("/usr")]


def precompile() -> None:
    """Compile clusterlb's modules on the host: a guest loses its writes, so each guest would compile them."""
    package = Path(__file__).resolve().parents[2]
    with contextlib.suppress(OSError):
        compileall.compile_dir(package, quiet=2, workers=1)


def outermost(found: Iterable[Path]) -> list[Path]:
    """Return the directories that lie in no other of them, sorted."""
    paths = set(found)
    return sorted(p for p in paths if not any(p != other and p.is_relative_to(other) for other in paths))


def attend(
    process: subprocess.Popen[bytes],
    outputs: Mapping[int, int],
    task: Task,
    keyboard: int | None,
) -> int | None:
    """Relay a guest's outputs (``outputs`` and ``keyboard``: see ``_relay``) until the guest ends.

    Returns None when the guest ended by itself. SIGINT, SIGTERM and SIGHUP end the guest and return 128 plus
    the number; the task's limit returns 124, as timeout(1) does.
    """
    with interruptible():
        try:
            _relay(process, outputs, keyboard, task.limit)
        except TimeoutError:
            say(f"the guest was ended after {task.limit:.0f} s")
            return 124
        except InterruptError as interrupted:
            return interrupted.status
        finally:
            _end(process)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the guest and its helper processes: they are one session, hence one process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)


def _relay(
    process: subprocess.Popen[bytes], outputs: Mapping[int, int], keyboard: int | None, seconds: float
) -> None:
    """Copy a process's outputs until it ends, and our standard input to ``keyboard``.

    ``outputs`` maps file descriptors to read from to those to write to. The terminal is raw while the
    keyboard is copied, so that Ctrl-C reaches the guest's shell and does not end the guest. Raises
    TimeoutError after ``seconds``.

    Guests get pipes and not these descriptors: QEMU opens its standard outputs a second time by name, which
    truncates a file and lets both overwrite each other, and User-Mode Linux makes its outputs non-blocking,
    which a terminal would keep.
    """
    copies = dict(outputs)
    if keyboard is not None:
        copies[sys.stdin.fileno()] = keyboard
    with _raw(sys.stdin.fileno()) if keyboard is not None else contextlib.nullcontext():
        _copy(process, copies, time.monotonic() + seconds)


def _copy(process: subprocess.Popen[bytes], copies: Mapping[int, int], until: float) -> None:
    poll = select.poll()
    for source in copies:
        poll.register(source, select.POLLIN)
    while True:
        ready = poll.poll(200)
        for source, _ in ready:
            data = os.read(source, _CHUNK)
            if not data:
                poll.unregister(source)
            # the guest may have ended before it read its input
            with contextlib.suppress(BrokenPipeError):
                _write(copies[source], data)
        if not ready and process.poll() is not None:
            return
        if time.monotonic() > until:
            raise TimeoutError("the guest did not end in time")


def _write(sink: int, data: bytes) -> None:
    while data:
        data = data[os.write(sink, data) :]


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
