"""What the runner asks of a kind of check. A kind is one class that follows Probe, in a file of its own."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple, Protocol

from clusterlb.model.address import Endpoint


class Wait(NamedTuple):
    """Go on when ``fd`` reports one of ``events`` (EPOLLIN, EPOLLOUT); both may change from call to call."""

    fd: int
    events: int


class Result(NamedTuple):
    """The end of a probe: whether the member passed, and why, in an operator's words.

    ``share``, ``warning`` and ``phases`` are the observation's (``model.health``).
    """

    ok: bool
    detail: str
    share: int | None = None
    warning: str = ""
    phases: tuple[tuple[str, float], ...] = ()


class UnsentError(Exception):
    """The director itself could not probe, which says nothing about the member.

    ``name`` is the errno's symbol, followed by what it is ``about`` (a file, say) where that is given.
    ``scarce`` tells a shortage that touches every probe and passes (descriptors, buffers, memory) from a
    trouble of this one probe (no free port, no such interface).
    """

    SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

    def __init__(self, number: int, about: str = "") -> None:
        self.number = number
        self.name = f"{errno.errorcode.get(number, number)} {about}".rstrip()
        self.scarce = number in self.SCARCE
        super().__init__(f"{self.name}: {os.strerror(number)}")


class Probe(Protocol):
    """One key's probe. The object lives as long as its key; ``start`` begins each new run of it.

    ``elapsed`` is seconds since the start, without the time in which this process stood still. A method
    never blocks. It may raise UnsentError; then, as after a Result, the runner calls ``close``.
    """

    def start(self) -> Wait | Result:
        """Begin a run."""
        ...

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        """Go on after the descriptor last waited for reported ``events``."""
        ...

    def on_deadline(self) -> Result:
        """Say what the run came to, now that its whole time is up."""
        ...

    def close(self) -> None:
        """Release all that the run holds; called once after every run, however it ended. It never fails."""
        ...


def fill_in(text: str, endpoint: Endpoint) -> str:
    """Put a member's address and port for ``{address}`` and ``{port}``; nothing else in braces is special."""
    return text.replace("{address}", str(endpoint.address)).replace("{port}", str(endpoint.port))
