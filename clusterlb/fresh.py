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


def run(
    module: str, *arguments: str, data: bytes = b"", seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a module with ``data`` on its standard input; return its exit status and output.

    Its standard error is this process's. After ``seconds`` the module is killed: subprocess.TimeoutExpired.
    The module must ignore SIGHUP, a reload by process name, before anything else.
    """
    # A child inherits its parent thread's signal mask: a SIGHUP stays pending until the module ignores it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # A session of its own: Ctrl-C on the controller's terminal goes to the controller only.
        return subprocess.run(
            argv(module, *arguments),
            env=environment(),
            input=data,
            stdout=subprocess.PIPE,
            start_new_session=True,
            check=False,
            timeout=seconds,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
