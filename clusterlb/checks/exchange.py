"""Kind ``tcp`` with ``send``, ``expect`` or ``tls``, and kind ``tls``: send bytes, search for a pattern."""

from __future__ import annotations

from clusterlb.checks.dialogue import Dialogue, excerpt
from clusterlb.checks.probe import Result
from clusterlb.checks.stream import StreamProbe
from clusterlb.model.check import EXPECT_WINDOW, TcpOptions, TlsOptions
from clusterlb.model.health import ProbeKey
from clusterlb.pattern import compile_pattern

WINDOW = EXPECT_WINDOW
# Bytes that one run searches after every received piece. Beyond that, it searches only when the answer has
# grown by an eighth, and at its end.
SEARCHED = 16 * WINDOW


class Exchange(Dialogue):
    """Send, then read until the pattern is found; without a pattern, only send.

    The check passes as soon as the bytes received so far match. So a match of a pattern with ``$`` depends
    on how the answer was cut into packets.
    """

    __slots__ = ("_pattern", "_received", "_searched", "_send", "_spent")

    def __init__(self, send: str, expect: str) -> None:
        self._send = send.encode("latin-1")
        self._pattern = compile_pattern(expect) if expect else None
        self._received = b""
        self._searched = 0  # bytes of the answer at the latest search
        self._spent = 0  # bytes of all searches

    @property
    def awaits(self) -> str:
        """Name the answer; empty without a pattern."""
        if self._pattern is None:
            return ""
        if not self._received:
            return "the first byte of an answer"
        return f"a match for {self._pattern.text!r} in {excerpt(self._received)}"

    def begin(self) -> bytes:
        """Return what to send."""
        return self._send

    def receive(self, data: bytes) -> bytes | Result:
        """Search the bytes received so far."""
        if self._pattern is None:
            return self.end_of_file()
        self._received = (self._received + data)[:WINDOW]
        length = len(self._received)
        if (
            self._spent < SEARCHED or length >= self._searched * 9 // 8 or length == WINDOW
        ) and self._found():
            return Result(True, "answered as expected")
        if length == WINDOW:
            return Result(False, f"no match for {self._pattern.text!r} in the first {WINDOW} bytes")
        return b""

    def end_of_file(self) -> Result:
        """Pass without a pattern or with a match, else fail."""
        if self._pattern is None:
            return Result(True, f"sent {len(self._send)} bytes" if self._send else "connected")
        if self._found():
            return Result(True, "answered as expected")
        came = excerpt(self._received)
        return Result(False, f"closed the connection: no match for {self._pattern.text!r} in {came}")

    def at_deadline(self) -> Result | None:
        """Pass if the bytes that were not searched yet bring a match."""
        return Result(True, "answered as expected") if self._found() else None

    def _found(self) -> bool:
        length = len(self._received)
        if self._pattern is None or length == self._searched:
            return False
        self._searched = length
        self._spent += length
        return self._pattern.search(self._received)


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
