"""End a process that the lab has started."""

from __future__ import annotations

import subprocess


def end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Ask a process to end, unless it has, and kill it if it has not after ``patience`` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
