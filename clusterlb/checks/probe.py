"""The interface between the runner and the kinds of checks; each kind has its own file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple, Protocol

from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckType
from clusterlb.model.health import ProbeKey


class Wait(NamedTuple):
    """Go on when ``fd`` reports one of ``events`` (EPOLLIN, EPOLLOUT); both may change from call to call."""

    fd: int
    events: int


class Result(NamedTuple):
    """A probe's result: whether the member passed, and why, in words for an operator.

    ``share``, ``warning`` and ``phases``: see ``model.health.Observation``.
    """

    ok: bool
    detail: str
    share: int | None = None
    warning: str = ""
    phases: tuple[tuple[str, float], ...] = ()


class UnsentError(Exception):
    """The director itself could not probe, which is no verdict about the member.

    ``name`` is the errno's symbol, followed by ``about``, for instance a file's name. ``scarce``: a passing
    shortage that affects every probe (descriptors, buffers, memory), not a trouble of this one probe (no
    free port, no such interface).
    """

    SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

    def __init__(self, number: int, about: str = "") -> None:
        self.number = number
        self.name = f"{errno.errorcode.get(number, number)} {about}".rstrip()
        self.scarce = number in self.SCARCE
        super().__init__(f"{self.name}: {os.strerror(number)}")


class Probe(Protocol):
    """One key's probe. The object lives as long as its key; ``start`` begins each new run.

    ``elapsed`` is seconds since the start, without the time in which this process stood still. No method
    blocks. A method may raise UnsentError; then, as after a Result, the runner calls ``close``.
    """

    def start(self) -> Wait | Result:
        """Begin a run."""
        ...

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        """Go on after the descriptor last waited for reported ``events``."""
        ...

    def on_deadline(self) -> Result:
        """Return the result of a run whose time is up."""
        ...

    def close(self) -> None:
        """Release all that the run holds; called once after every run, however it ended. Must not fail."""
        ...


def fill_in(text: str, endpoint: Endpoint) -> str:
    """Replace ``{address}`` and ``{port}`` by a member's; other text in braces stays."""
    return text.replace("{address}", str(endpoint.address)).replace("{port}", str(endpoint.port))


# By type: the module, and its class or function that makes a key's probe. A module is imported when the first
# key of its type comes, so that libraries are loaded only if a check needs them. A new kind is one file and
# one line here.
KINDS: dict[CheckType, tuple[str, str]] = {
    CheckType.TCP: ("clusterlb.checks.tcp", "tcp_probe"),
    CheckType.TLS: ("clusterlb.checks.exchange", "tls_probe"),
    CheckType.HTTP: ("clusterlb.checks.http", "http_probe"),
    CheckType.HTTPS: ("clusterlb.checks.http", "http_probe"),
    CheckType.SMTP: ("clusterlb.checks.smtp", "smtp_probe"),
    CheckType.GRPC: ("clusterlb.checks.grpc", "grpc_probe"),
    CheckType.UDP: ("clusterlb.checks.udp", "UdpProbe"),
    CheckType.DNS: ("clusterlb.checks.dns", "DnsProbe"),
    CheckType.ICMP: ("clusterlb.checks.icmp", "IcmpProbe"),
    CheckType.FILE: ("clusterlb.checks.file", "FileProbe"),
    CheckType.COMMAND: ("clusterlb.checks.command", "CommandProbe"),
}


def make_probe(key: ProbeKey) -> Probe:
    """Return the probe for a key."""
    module, name = KINDS[key.spec.type]
    kind: Callable[[ProbeKey], Probe] = getattr(import_module(module), name)
    return kind(key)
