"""The lab's processes: their output, and the signals that end them, raised as exceptions."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptError(Exception):
    """A signal asks the lab to end. ``status`` is the exit status that shells use for the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Have each of SIGNALS raise InterruptError; restore the handlers in the end."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
        raise InterruptError(number)

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say(text: str) -> None:
    """Print a line on standard error, and flush."""
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


def print_json(message: Mapping[str, object]) -> None:
    """Print a message as a line of JSON on standard output, and flush."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
