"""A module of this very package in a fresh interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path


def argv(module: str, *arguments: str) -> list[str]:
    """Return the argv; -P keeps the current directory, whoever may write there, out of sys.path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return the environment: ours, and the place where this very package was found."""
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def run(
    module: str, *arguments: str, data: bytes = b"", seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Give a module data, and return how it ended and what it wrote; its errors go to our own.

    After ``seconds`` it is killed: subprocess.TimeoutExpired. The module has to ignore SIGHUP, a reload by
    process name, first of all.
    """
    # A process inherits what its parent's thread blocks: a SIGHUP waits until it is ignored.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # A session of its own: Ctrl-C on the controller's terminal is the controller's to answer.
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
