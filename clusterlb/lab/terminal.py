"""A guest's terminal on this one."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator


def relay(process: subprocess.Popen[bytes]) -> int:
    """Send the keyboard to a process until it ends; return its exit status.

    The terminal is raw meanwhile, so that Ctrl-C reaches the guest's shell and does not end the guest.
    """
    assert process.stdin is not None
    with _raw(sys.stdin.fileno()):
        ended = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(sys.stdin, select.POLLIN)
            poll.register(ended, select.POLLIN)
            while process.poll() is None:
                for number, _ in poll.poll():
                    if number != ended and not _forward(process.stdin.fileno()):
                        poll.unregister(sys.stdin)
        finally:
            os.close(ended)
    return process.wait()


def _forward(sink: int) -> bool:
    data = os.read(sys.stdin.fileno(), 4096)
    with contextlib.suppress(BrokenPipeError):
        os.write(sink, data)
    return bool(data)


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
