"""Kind ``smtp``: greeting, EHLO, STARTTLS where asked for, QUIT (RFC 5321, RFC 3207)."""

from __future__ import annotations

import re
from typing import NamedTuple

from clusterlb.checks.dialogue import Secure, excerpt, plain
from clusterlb.checks.probe import Result
from clusterlb.checks.stream import StreamProbe
from clusterlb.model.check import SmtpOptions
from clusterlb.model.health import ProbeKey

LINE_LIMIT = 2048  # bytes; RFC 5321, 4.5.3.1.5 allows 512, and servers write more
LINES_LIMIT = 100  # lines of one reply

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)


class ReplyError(ValueError):
    """The received bytes are no SMTP reply; the text says why."""


class Reply(NamedTuple):
    """A whole reply: its code, and the text of each of its lines."""

    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.code} {self.lines[0]}".rstrip()


class ReplyReader:
    """Cut a stream of bytes into replies (RFC 5321, 4.2)."""

    __slots__ = ("_code", "_lines", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._code = 0
        self._lines: list[str] = []

    @property
    def rest(self) -> bytes:
        """Return the bytes after the last whole line."""
        return self._rest

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._rest += data

    def next(self) -> Reply | None:
        """Return the next reply, None while it is not whole; raise ReplyError."""
        while b"\n" in self._rest:
            line, _, self._rest = self._rest.partition(b"\n")
            reply = self._take(line.removesuffix(b"\r"))
            if reply is not None:
                return reply
        if len(self._rest.removesuffix(b"\r")) > LINE_LIMIT:
            raise ReplyError(f"not SMTP: a line of more than {LINE_LIMIT} bytes, {excerpt(self._rest)}")
        return None

    def _take(self, line: bytes) -> Reply | None:
        if len(line) > LINE_LIMIT:
            raise ReplyError(f"not SMTP: a line of more than {LINE_LIMIT} bytes, {excerpt(line)}")
        match = _LINE.fullmatch(line)
        if match is None:
            raise ReplyError(f"not SMTP: the member said {excerpt(line)}")
        code = int(match[1])
        if self._lines and code != self._code:
            raise ReplyError(f"a reply that begins with {self._code} and goes on with {code}")
        self._code = code
        self._lines.append(plain(match[3] or b""))
        if match[2] == b"-":
            if len(self._lines) >= LINES_LIMIT:
                raise ReplyError(f"a reply of more than {LINES_LIMIT} lines")
            return None
        lines, self._lines = tuple(self._lines), []
        return Reply(code, lines)


class SmtpDialogue:
    """Greeting 220, EHLO 250, and with ``starttls`` TLS and EHLO again; QUIT."""

    __slots__ = ("_ehlo", "_left_to_secure", "_reader", "awaits")

    def __init__(self, options: SmtpOptions) -> None:
        self._ehlo = f"EHLO {options.helo}\r\n".encode()
        self._left_to_secure = options.starttls
        self._reader = ReplyReader()
        self.awaits = "the greeting"

    def begin(self) -> bytes:
        """Wait for the greeting; in fresh TLS, introduce ourselves again (RFC 3207, 4.2)."""
        if self.awaits == "the greeting":
            return b""
        return self._command(self._ehlo, "the answer to EHLO")

    def receive(self, data: bytes) -> bytes | Secure | Result:
        """Answer each whole reply."""
        self._reader.feed(data)
        said = b""
        try:
            while (reply := self._reader.next()) is not None:
                answer = self._answer(reply)
                if not isinstance(answer, bytes):
                    return answer
                said += answer
        except ReplyError as error:
            return Result(False, str(error))
        return said

    def end_of_file(self) -> Result:
        """Fail, unless the server closes the connection in answer to QUIT."""
        if self.awaits == "the answer to QUIT" and not self._reader.rest:
            return Result(True, "ready for mail")
        return Result(False, f"closed the connection before {self.awaits}")

    def at_deadline(self) -> Result | None:
        """Return None: an unfinished dialogue has no result."""
        return None

    def _answer(self, reply: Reply) -> bytes | Secure | Result:
        wanted = {"the greeting": 220, "the answer to STARTTLS": 220, "the answer to EHLO": 250}
        if self.awaits == "the answer to QUIT":
            return Result(True, "ready for mail")
        if reply.code != wanted[self.awaits]:
            return Result(False, f"{self.awaits} was {reply}")
        if self.awaits == "the greeting":
            return self._command(self._ehlo, "the answer to EHLO")
        if self.awaits == "the answer to STARTTLS":
            return self._secure()
        if not self._left_to_secure:
            return self._command(b"QUIT\r\n", "the answer to QUIT")
        if not any(line.upper().split(" ")[0] == "STARTTLS" for line in reply.lines[1:]):
            return Result(False, "the member does not offer STARTTLS")
        return self._command(b"STARTTLS\r\n", "the answer to STARTTLS")

    def _secure(self) -> Secure | Result:
        if self._reader.rest:  # RFC 3207, 4.2: discard knowledge from before TLS
            return Result(False, f"said {excerpt(self._reader.rest)} in the clear after agreeing to STARTTLS")
        self._left_to_secure = False
        self._reader = ReplyReader()
        return Secure.START_TLS

    def _command(self, line: bytes, awaits: str) -> bytes:
        self.awaits = awaits
        return line


def smtp_probe(key: ProbeKey) -> StreamProbe:
    """Return the probe of an ``smtp`` check."""
    options = key.spec.options
    assert isinstance(options, SmtpOptions)  # noqa: S101 - model.check.OPTIONS pairs types and options
    return StreamProbe(
        key,
        lambda: SmtpDialogue(options),
        None if options.starttls else options.tls,
        start_tls=options.tls,
    )
