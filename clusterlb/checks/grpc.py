"""Kind ``grpc``: the standard health service, grpc.health.v1.Health/Check, over HTTP/2.

The messages are those of health.proto (grpc/grpc-proto, grpc/health/v1/health.proto), the framing that of
PROTOCOL-HTTP2.md (grpc/grpc, doc): a byte 0 for "not compressed", four bytes of length, the message.
"""

from __future__ import annotations

import errno
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from clusterlb.checks.dialogue import EXCERPT, Dialogue, excerpt, plain
from clusterlb.checks.goaway import FrameReader, Goaway
from clusterlb.checks.http import authority
from clusterlb.checks.probe import Result, UnsentError
from clusterlb.checks.stream import StreamProbe
from clusterlb.model.check import GrpcOptions
from clusterlb.model.health import ProbeKey

PATH = "/grpc.health.v1.Health/Check"
STREAM = 1  # a client's first stream (RFC 9113, 5.1.1)
MESSAGE_LIMIT = 4096  # bytes; a HealthCheckResponse has 2
SERVING = 1

# wire types of protobuf (protobuf.dev, programming-guides/encoding)
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

# HealthCheckResponse.ServingStatus
SERVING_STATUS = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}

# google.golang.org/grpc/codes; grpc/grpc, doc/statuscodes.md
STATUS = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


class GrpcDialogue(Dialogue):
    """One unary call: send headers and message at once, then receive headers, message and trailers."""

    __slots__ = ("_connection", "_frames", "_goaway", "_head", "_headers", "_message", "_request", "_service")

    def __init__(self, options: GrpcOptions, host: str, timeout: float) -> None:
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self._service = options.service
        self._request = [
            (":method", "POST"),
            (":scheme", "https" if options.tls else "http"),
            (":path", PATH),
            (":authority", host),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "clusterlb"),
            ("grpc-timeout", f"{max(1, round(timeout * 1000))}m"),
        ]
        self._frames = FrameReader()
        self._goaway = ""
        self._head = b""
        self._headers: dict[str, str] = {}
        self._message = b""

    @property
    def awaits(self) -> str:
        """Name the part of the answer that must come next."""
        if not self._head:
            return "an answer"
        return "the end of the answer" if self._headers else "the headers of the answer"

    def begin(self) -> bytes:
        """Return the preface, the settings and the whole request; raise UnsentError for one too large."""
        message = bytes_field(1, self._service.encode())
        try:
            self._connection.initiate_connection()
            self._connection.send_headers(STREAM, self._request)
            framed = b"\0" + len(message).to_bytes(4, "big") + message
            self._connection.send_data(STREAM, framed, end_stream=True)
        except H2Error as error:
            raise UnsentError(errno.EINVAL, f"request: {error}") from error
        return self._connection.data_to_send()

    def receive(self, data: bytes) -> bytes | Result:
        """Parse received bytes, and judge when the call's stream ends."""
        self._head += data[: EXCERPT + 1 - len(self._head)]
        if self._head[3:4] not in (b"", b"\4"):  # a server's first frame is SETTINGS (RFC 9113, 3.4)
            return Result(False, f"not HTTP/2: the member answered {excerpt(self._head)}")
        for part in self._frames.feed(data):
            result = self._leave(part) if isinstance(part, Goaway) else self._hear(part)
            if result is not None:
                return result
        return self._connection.data_to_send()

    def end_of_file(self) -> Result:
        """Fail: a call ends with its stream, not with the connection."""
        return Result(False, f"closed the connection{self._goaway}; still to come: {self.awaits}")

    def _hear(self, data: bytes) -> Result | None:
        try:
            events = self._connection.receive_data(data)
        except H2Error as error:
            return Result(False, f"broken HTTP/2: {plain(str(error)) or type(error).__name__}")
        return next(filter(None, map(self._take, events)), None)

    def _leave(self, goaway: Goaway) -> Result | None:
        """Fail, unless the server closes without an error and will answer this call."""
        name = _error_name(goaway.code)
        more = f", {plain(goaway.text)}" if goaway.text else ""
        if goaway.code == ErrorCodes.NO_ERROR and goaway.last_stream >= STREAM:
            self._goaway = f" after GOAWAY: {name}{more}"
            return None
        return Result(False, f"the member sent GOAWAY: {name}{more}")

    def _take(self, event: Event) -> Result | None:
        match event:
            case InformationalResponseReceived():
                return None
            case ResponseReceived() | TrailersReceived():
                self._headers |= {str(name): str(value) for name, value in event.headers or ()}
                return self._judge_headers()
            case DataReceived():
                self._message += event.data or b""
                if len(self._message) > MESSAGE_LIMIT:
                    return Result(False, f"not a health check's answer: more than {MESSAGE_LIMIT} bytes")
                return None
            case StreamEnded():
                return self._judge()
            case StreamReset():
                return Result(False, f"the member reset the call: {_error_name(event.error_code)}")
            case _:
                return None

    def _judge_headers(self) -> Result | None:
        """Refuse an answer that is HTTP/2 but not gRPC, without waiting for its body."""
        status = self._headers.get(":status", "")
        kind = self._headers.get("content-type", "")
        if status != "200":
            return Result(False, f"not gRPC: HTTP {plain(status)}")
        if not kind.startswith("application/grpc"):
            return Result(False, f"not gRPC: content-type {plain(kind) or 'missing'}")
        return None

    def _judge(self) -> Result:
        code = self._headers.get("grpc-status", "")
        if code != "0":
            return Result(False, self._explain(code))
        if len(self._message) < 5 or int.from_bytes(self._message[1:5], "big") != len(self._message) - 5:
            return Result(False, f"broken gRPC message: {excerpt(self._message)}")
        if self._message[0]:
            return Result(False, "a compressed gRPC message, which was not asked for")
        try:
            serving = last_varint(self._message[5:], 1)
        except ValueError:
            return Result(False, f"broken HealthCheckResponse: {excerpt(self._message[5:])}")
        name = SERVING_STATUS.get(serving, str(serving))
        return Result(serving == SERVING, f"gRPC health {name}")

    def _explain(self, code: str) -> str:
        if not code:
            return "the call ended without a grpc-status"
        if code == "5":
            return f"the health service knows no service {plain(self._service)!r} (NOT_FOUND)"
        if code == "12":
            return "the member has no health service, grpc.health.v1.Health (UNIMPLEMENTED)"
        number = int(code) if code.isascii() and code.isdigit() and len(code) < 3 else len(STATUS)
        name = STATUS[number] if number < len(STATUS) else plain(code)
        message = plain(unquote(self._headers.get("grpc-message", ""), errors="replace"))
        return f"gRPC status {name}" + (message and f": {message}")


def grpc_probe(key: ProbeKey) -> StreamProbe:
    """Return the probe of a ``grpc`` check."""
    options = key.spec.options
    assert isinstance(options, GrpcOptions)  # noqa: S101 - model.check.OPTIONS pairs types and options
    name = options.tls.server_name if options.tls else ""
    host = options.authority or name or authority(key.endpoint, 443 if options.tls else 80)
    timeout = key.spec.timeout
    return StreamProbe(key, lambda: GrpcDialogue(options, host, timeout), options.tls, alpn="h2")


def _error_name(code: int | None) -> str:
    return next((known.name for known in ErrorCodes if known == code), f"error {code}")


def bytes_field(number: int, value: bytes) -> bytes:
    """Return an encoded string or bytes field; proto3 leaves out an empty one."""
    if not value:
        return b""
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def last_varint(message: bytes, number: int) -> int:
    """Return the last occurrence of an enum or integer field in a message, 0 if the field is absent.

    Other fields are skipped. Raises ValueError for a message that is not well formed.
    """
    value = position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        kind = tag & 7
        if kind == VARINT:
            found, position = _read_varint(message, position)
            value = found if tag >> 3 == number else value
        elif kind == BYTES:
            length, position = _read_varint(message, position)
            position += length
        elif kind in (FIXED32, FIXED64):
            position += 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind}")
    if position > len(message):
        raise ValueError("cut short")
    return value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("cut short")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than ten bytes")
