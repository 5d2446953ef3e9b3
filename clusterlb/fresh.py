"""Run a module of this package in a fresh interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


def argv(module: str, *arguments: str) -> list[str]:
    """Return the argv; -P keeps the current directory, which other users may write to, out of sys.path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return this process's environment, with the folder of this package in PYTHONPATH."""
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a module that reads its standard input; its standard error is this process's.

    The module must ignore SIGHUP, a reload by process name, before anything else.
    """
    # A child inherits its parent thread's signal mask: a SIGHUP stays pending until the module ignores it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # A session of its own: Ctrl-C on the controller's terminal goes to the controller only.
        return subprocess.Popen(
            argv(module, *arguments),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def finish(
    process: subprocess.Popen[bytes], data: bytes = b"", seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Give a started module its standard input, and return its exit status and output when it has ended.

    After ``seconds`` the module is killed: subprocess.TimeoutExpired.
    """
    with process:
        try:
            output, _ = process.communicate(data, seconds)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output)


def run(
    module: str, *arguments: str, data: bytes = b"", seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a module to its end, as ``start`` and ``finish`` do."""
    return finish(start(module, *arguments), data, seconds)
