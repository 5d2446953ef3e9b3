"""Copy a guest's outputs to this process's, and the keyboard to the guest.

QEMU opens its standard outputs a second time by name, which truncates a file and lets both overwrite each
other, and User-Mode Linux makes its outputs non-blocking, which a terminal would keep. So guests get pipes,
and this module copies.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping

_CHUNK = 65536


def relay(
    process: subprocess.Popen[bytes], outputs: Mapping[int, int], keyboard: int | None, seconds: float
) -> None:
    """Copy a process's outputs until it ends, and our standard input to ``keyboard``.

    ``outputs`` maps file descriptors to read from to those to write to. The terminal is raw while the
    keyboard is copied, so that Ctrl-C reaches the guest's shell and does not end the guest. Raises
    TimeoutError after ``seconds``.
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
