"""Kinds ``http`` and ``https``: one HTTP/1.1 request, and the answer's status and body."""

from __future__ import annotations

import errno
import hashlib
import re
from http import HTTPStatus
from ipaddress import IPv6Address

import h11

from clusterlb.checks.dialogue import EXCERPT, Dialogue, excerpt, plain
from clusterlb.checks.probe import Result, UnsentError
from clusterlb.checks.stream import READ_LIMIT, StreamProbe
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckType, HttpOptions, TlsOptions
from clusterlb.model.health import ProbeKey
from clusterlb.pattern import compile_pattern

INTERIM_LIMIT = 10  # answers of 100 to 199 before the real one
# h11's limit counts incomplete events, whose size depends on how TCP cut the answer; READ_LIMIT bounds reads
NO_LIMIT = 1 << 30
BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE", "TRACE"})
MD5_DIGITS = 32
SWITCHING = 101  # the last answer in HTTP on a connection, and so no interim one (RFC 9110, 15.2.2)
HEAD_LIMIT = 65536  # bytes of a status line and its headers; servers send up to 20 KB of security policies

_END = re.compile(rb"\n\r?\n")
_CODINGS = re.compile(rb"^transfer-encoding[ \t]*:(.*)$", re.IGNORECASE)
_LENGTH = re.compile(rb"^content-length[ \t]*:", re.IGNORECASE)
_LINE_END = re.compile(rb"\r?\n")
_FOLDED = re.compile(rb"\r?\n[ \t]+")  # RFC 9112, 5.2: obsolete line folding


class HttpDialogue(Dialogue):
    """One request and as much of its answer as the verdict needs: without body and digest, the headers."""

    __slots__ = ("_body", "_connection", "_excerpt", "_head", "_host", "_interim", "_options", "_passed")

    def __init__(self, options: HttpOptions, host: str) -> None:
        self._options = options
        self._host = host
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=NO_LIMIT)
        self._head: HeadReader | None = HeadReader()  # None once the body begins
        self._excerpt = b""
        self._interim = 0
        self._passed: Result | None = None  # the result if the body passes too
        self._body = bytearray()

    @property
    def awaits(self) -> str:
        """Name the part of the answer that must come next."""
        if self._passed is not None:
            return f"the end of the body ({len(self._body)} bytes came)"
        return f"the end of the headers; {excerpt(self._excerpt)} came" if self._excerpt else "an answer"

    def begin(self) -> bytes:
        """Return the request; raise UnsentError if the options make no valid request."""
        options = self._options
        upgrade = any(name.lower() == "upgrade" for name, _ in options.headers)  # RFC 9110, 7.8
        headers = {
            "host": ("Host", self._host),
            "user-agent": ("User-Agent", "clusterlb"),
            "connection": ("Connection", "Upgrade" if upgrade else "close"),
        }
        if options.method not in BODILESS:
            headers["content-length"] = ("Content-Length", "0")
        for name, _ in options.headers:
            headers.pop(name.lower(), None)
        try:
            lines = [*headers.values(), *options.headers]
            request = h11.Request(
                method=options.method,
                target=options.path,
                headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in lines],
            )
            return (self._connection.send(request) or b"") + (
                self._connection.send(h11.EndOfMessage()) or b""
            )
        except (h11.LocalProtocolError, UnicodeError) as error:
            raise UnsentError(errno.EINVAL, f"request: {error}") from error

    def receive(self, data: bytes) -> bytes | Result:
        """Parse received bytes, and judge as soon as no further byte can change the verdict."""
        self._excerpt += data[: EXCERPT + 1 - len(self._excerpt)]
        if self._excerpt[:5] != b"HTTP/"[: len(self._excerpt)]:
            return Result(False, f"not HTTP/1: the member answered {excerpt(self._excerpt)}")
        return self._take(data) or b""

    def end_of_file(self) -> Result:
        """Judge an answer that the end of the connection completes or cuts short."""
        if not self._excerpt:
            return Result(False, "closed the connection without an answer")
        if self._head is not None:
            return Result(False, f"broken answer: it ends within the headers, {excerpt(self._excerpt)}")
        self._connection.receive_data(b"")
        return self._judge() or Result(False, f"closed the connection; still to come: {self.awaits}")

    def _take(self, data: bytes) -> Result | None:
        """Take the heads of interim answers and of the final answer, then its body."""
        while self._head is not None:
            try:
                whole = self._head.feed(data)
            except HeadError as error:
                return Result(False, f"broken answer: {error}")
            if whole is None:
                return None
            head, data = whole
            self._connection.receive_data(plain_framing(head))
            result = self._judge()
            if result is not None:
                return result
        if data:
            self._connection.receive_data(data)
        return self._judge()

    def _judge(self) -> Result | None:
        """Handle the parser's events until it needs more data or the result is known."""
        while True:
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as error:
                return self._violation(error)
            if event is h11.NEED_DATA:
                return None
            result: Result | None = None
            if isinstance(event, h11.InformationalResponse) and event.status_code != SWITCHING:
                self._interim += 1
                if self._interim > INTERIM_LIMIT:
                    return Result(False, f"more than {INTERIM_LIMIT} interim answers (1xx) and no final one")
            elif isinstance(event, h11.Response | h11.InformationalResponse):
                self._head = None
                result = self._judge_head(event)
            elif isinstance(event, h11.Data):
                self._body += event.data[: self._options.body_limit - len(self._body)]
                if len(self._body) >= self._options.body_limit:
                    result = self._judge_body()
            else:  # EndOfMessage; PAUSED, before another protocol; ConnectionClosed
                return self._judge_body()
            if result is not None:
                return result

    def _judge_head(self, response: h11.Response | h11.InformationalResponse) -> Result | None:
        options = self._options
        code = response.status_code
        if not any(low <= code <= high for low, high in options.status):
            return Result(False, f"{_status(response)}, not {_ranges(options.status)}")
        self._passed = Result(True, f"HTTP {code}")
        if options.weight_header:
            name = options.weight_header.lower().encode("latin-1", "replace")
            values = [value for key, value in response.headers if key == name]
            self._passed = _with_share(self._passed, options.weight_header, values)
        return None if options.body or options.not_body or options.digest else self._passed

    def _judge_body(self) -> Result:
        options = self._options
        body = bytes(self._body)
        first = f"the first {options.body_limit} bytes" if len(body) >= options.body_limit else "the body"
        if self._passed is None:
            return Result(False, "the answer ended before its headers")
        if options.body and not compile_pattern(options.body).search(body):
            return Result(False, f"no match for {options.body!r} in {first}: {excerpt(body)}")
        if options.not_body and compile_pattern(options.not_body).search(body):
            return Result(False, f"{options.not_body!r} is in {first}: {excerpt(body)}")
        if options.digest:
            kind = "MD5" if len(options.digest) == MD5_DIGITS else "SHA-256"
            sums = hashlib.md5 if kind == "MD5" else hashlib.sha256
            digest = sums(body, usedforsecurity=False).hexdigest()
            if digest != options.digest.lower():
                return Result(False, f"the {kind} of {first} is {digest}, not {options.digest.lower()}")
        return self._passed

    def _violation(self, error: h11.RemoteProtocolError) -> Result:
        if self._passed is not None:
            return Result(False, f"broken body after {len(self._body)} bytes: {plain(str(error))}")
        return Result(False, f"broken answer: {plain(str(error))}")


def http_probe(key: ProbeKey) -> StreamProbe:
    """Return the probe of an ``http`` or ``https`` check."""
    options = key.spec.options
    assert isinstance(options, HttpOptions)  # noqa: S101 - model.check.OPTIONS pairs types and options
    secure = key.spec.type is CheckType.HTTPS
    tls = (options.tls or TlsOptions()) if secure else None
    host = options.host or (tls.server_name if tls else "") or authority(key.endpoint, 443 if secure else 80)
    limit = READ_LIMIT + 4 * options.body_limit  # room for the framing of small chunks and TLS records
    return StreamProbe(key, lambda: HttpDialogue(options, host), tls, alpn="http/1.1", limit=limit)


def authority(endpoint: Endpoint, usual_port: int) -> str:
    """Write an address for a Host header or ``:authority``: IPv6 in brackets, without the usual port."""
    address = str(endpoint.address).partition("%")[0]
    host = f"[{address}]" if isinstance(endpoint.address, IPv6Address) else address
    return host if endpoint.port == usual_port else f"{host}:{endpoint.port}"


def _status(response: h11.Response | h11.InformationalResponse) -> str:
    code = response.status_code
    reason = plain(response.reason)
    if not reason:
        reason = next((status.phrase for status in HTTPStatus if status == code), "")
    return f"HTTP {code} {reason}".rstrip()


def _ranges(ranges: tuple[tuple[int, int], ...]) -> str:
    return ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)


def _with_share(result: Result, name: str, values: list[bytes]) -> Result:
    """Add the share of the weight that the member asks for, or a warning if its header holds none."""
    if not values:
        return result._replace(warning=f"no header {name} in the answer: the weight stays")
    if len(values) == 1 and values[0].isdigit() and len(values[0]) <= 3 and int(values[0]) <= 100:
        return result._replace(share=int(values[0]))
    value = excerpt(b", ".join(values))
    return result._replace(warning=f"header {name} holds {value}, not 0 to 100: the weight stays")


class HeadError(ValueError):
    """The received bytes cannot be the head of an answer; the text says why."""


class HeadReader:
    """Takes bytes up to the empty line that ends a head.

    Heads are collected whole before they are parsed: so the limit counts the head's bytes, however TCP cut
    them, and ``plain_framing`` can simplify the head for a parser that knows only ``chunked``.
    """

    __slots__ = ("received",)

    def __init__(self) -> None:
        self.received = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the head and the bytes after it, None while the head is incomplete; raise HeadError."""
        searched = max(0, len(self.received) - 2)
        self.received += data
        found = _END.search(self.received, searched)
        end = found.end() if found else len(self.received)
        if end > HEAD_LIMIT:
            raise HeadError(f"headers of more than {HEAD_LIMIT} bytes")
        if found is None:
            return None
        head, rest = self.received[:end], self.received[end:]
        self.received = b""
        return head, rest


def plain_framing(head: bytes) -> bytes:
    """Return the head with ``chunked`` or nothing as its transfer codings (RFC 9112, 6.1 and 6.3).

    If ``chunked`` is the last of several codings, the body ends with its last chunk, and the pattern is
    searched in the output of the other codings. If not, the body ends with the connection, whatever the
    length header says.
    """
    if b"transfer-encoding" not in head.lower():
        return head
    lines = _LINE_END.split(_FOLDED.sub(b" ", head))
    values = [match[1] for line in lines if (match := _CODINGS.match(line))]
    codings = [coding.strip().lower() for value in values for coding in value.split(b",") if coding.strip()]
    if not values or codings.count(b"chunked") > 1:
        return head  # ``chunked`` twice is forbidden: the parser refuses the head
    kept = [line for line in lines if line and not _CODINGS.match(line) and not _LENGTH.match(line)]
    if codings and codings[-1] == b"chunked":
        kept.append(b"Transfer-Encoding: chunked")
    return b"\r\n".join((*kept, b"", b""))
