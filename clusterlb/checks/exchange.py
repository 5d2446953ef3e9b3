"""Kind ``tcp`` with something to say or to hear, and kind ``tls``: send bytes, search for a pattern."""

from __future__ import annotations

import re
from functools import lru_cache

from clusterlb.checks.dialogue import excerpt
from clusterlb.checks.probe import Result
from clusterlb.checks.stream import StreamProbe
from clusterlb.model.check import TcpOptions, TlsOptions
from clusterlb.model.health import ProbeKey

WINDOW = 16384  # bytes that are searched; each new piece searches all of them again


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern that is searched for in bytes read as U+0000 to U+00FF."""
    return re.compile(pattern)


class Exchange:
    """Send, then read until the pattern is found; without a pattern, sending is all.

    A pattern passes as soon as it is found in what has come so far. So one that looks at the end (``$``) or
    for an absence (``(?!...)``) depends on how the answer was cut into packets.
    """

    __slots__ = ("_pattern", "_received", "_send")

    def __init__(self, send: str, expect: str) -> None:
        self._send = send.encode("latin-1")
        self._pattern = compile_pattern(expect) if expect else None
        self._received = b""

    @property
    def awaits(self) -> str:
        """Name the answer, or nothing."""
        if self._pattern is None:
            return ""
        if not self._received:
            return "the first byte of an answer"
        return f"a match for {self._pattern.pattern!r} in {excerpt(self._received)}"

    def begin(self) -> bytes:
        """Return what to send."""
        return self._send

    def receive(self, data: bytes) -> bytes | Result:
        """Search what has come so far."""
        if self._pattern is None:
            return self.end_of_file()
        self._received = (self._received + data)[:WINDOW]
        if self._pattern.search(self._received.decode("latin-1")):
            return Result(True, "answered as expected")
        if len(self._received) == WINDOW:
            return Result(False, f"no match for {self._pattern.pattern!r} in the first {WINDOW} bytes")
        return b""

    def end_of_file(self) -> Result:
        """Fail where a pattern was still to be found."""
        if self._pattern is None:
            return Result(True, f"sent {len(self._send)} bytes" if self._send else "connected")
        came = excerpt(self._received)
        return Result(False, f"closed the connection: no match for {self._pattern.pattern!r} in {came}")


def exchange_probe(key: ProbeKey) -> StreamProbe:
    """Return the probe of a ``tcp`` check that sends, expects or encrypts."""
    options = key.spec.options
    assert isinstance(options, TcpOptions)  # noqa: S101 - model.check.OPTIONS pairs types and options
    return StreamProbe(key, lambda: Exchange(options.send, options.expect), options.tls)


def tls_probe(key: ProbeKey) -> StreamProbe:
    """Return the probe of a ``tls`` check: a handshake that the member confirms."""
    options = key.spec.options
    assert isinstance(options, TlsOptions)  # noqa: S101 - as above
    return StreamProbe(key, lambda: Exchange("", ""), options)
