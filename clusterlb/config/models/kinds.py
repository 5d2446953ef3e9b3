"""The kinds of checks: what each asks a member, and which answer passes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clusterlb.config.by_type import ByType
from clusterlb.config.check_fields import (
    AnyHeaderName,
    Argv,
    Digest,
    DnsName,
    GrpcService,
    HeaderName,
    HeaderValue,
    Helo,
    Host,
    Method,
    Path,
    Pattern,
    Rcode,
    Record,
    RecordPattern,
    RequestPath,
    Sent,
    Status,
)
from clusterlb.config.models.check import CheckFile, TlsFile
from clusterlb.model.check import DnsOptions, HttpOptions, IcmpOptions, SmtpOptions

_HTTP = HttpOptions()
_DNS = DnsOptions()
_ICMP = IcmpOptions()
_SMTP = SmtpOptions()
_STRAIGHT = "The probe's path: directly to the member's address, the only one for this kind."
_ENCRYPTED = "TLS from the first byte; null: none."


class TcpCheckFile(CheckFile):
    """A connection must be accepted; with `send` or `expect` there is a dialogue on it."""

    type: Literal["tcp"] = Field(default="tcp", description="A TCP connection; the default.")
    send: Sent = Field(default="", description="What is sent once connected, one byte a character.")
    expect: Pattern = Field(
        default="", description="Regular expression that must be found in what comes back."
    )
    tls: TlsFile | None = Field(default=None, description=_ENCRYPTED)


class RequestFile(CheckFile):
    """What http and https have in common."""

    method: Method = Field(default=_HTTP.method, description="Method of the request.")
    path: RequestPath = Field(default=_HTTP.path, description="Path and query of the request.")
    host: Host = Field(default=_HTTP.host, description="Host header; empty: the member's address and port.")
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, max_length=64, description="More headers of the request, by name."
    )
    status: Status = Field(
        default=list(_HTTP.status),
        description="Status codes that pass: one such as 200, a range such as 200-299, or a list of both.",
    )
    body: Pattern = Field(
        default=_HTTP.body, description="Regular expression that must be found in the body."
    )
    not_body: Pattern = Field(
        default=_HTTP.not_body, description="Regular expression that must not be found in the body."
    )
    digest: Digest = Field(
        default=_HTTP.digest,
        description="Digest that the body must have, in hexadecimal digits: SHA-256, or MD5 by its length.",
    )
    body_limit: int = Field(
        default=_HTTP.body_limit,
        ge=1,
        le=1 << 20,
        description="Bytes of the body that `body`, `not_body` and `digest` look at, at most 1 MiB.",
    )
    weight_header: AnyHeaderName = Field(
        default=_HTTP.weight_header,
        description="Header of the answer that holds the member's share of its weight in per cent, 0 to 100.",
    )


class HttpCheckFile(RequestFile):
    """A request must be answered as expected."""

    type: Literal["http"] = Field(description="An HTTP request.")


class HttpsCheckFile(RequestFile):
    """A request over TLS must be answered as expected."""

    type: Literal["https"] = Field(description="An HTTP request over TLS.")
    tls: TlsFile = Field(default=TlsFile(), description="How TLS is spoken.")


class TlsCheckFile(CheckFile, TlsFile):
    """A TLS handshake must succeed."""

    type: Literal["tls"] = Field(description="A TLS handshake.")


class UdpCheckFile(CheckFile):
    """A datagram must be answered; without `expect` it must only not be refused."""

    type: Literal["udp"] = Field(description="A UDP datagram.")
    send: Sent = Field(default="", description="The datagram, one byte a character.")
    expect: Pattern = Field(
        default="",
        description="Regular expression that must be found in the answer; empty: no ICMP refusal within "
        "`timeout` passes.",
    )


class DnsCheckFile(CheckFile):
    """A DNS question must be answered as expected."""

    type: Literal["dns"] = Field(description="A DNS question over UDP.")
    name: DnsName = Field(default=_DNS.name, description="Name that is asked for.")
    record: Record = Field(default=_DNS.record, description="Record type that is asked for.")
    rcode: Rcode = Field(default=_DNS.rcode, description="Response code that passes.")
    answer: RecordPattern = Field(
        default=_DNS.answer, description="Regular expression that must be found in an answer record's text."
    )


class IcmpCheckFile(CheckFile):
    """An echo request must be answered."""

    type: Literal["icmp"] = Field(description="An ICMP or ICMPv6 echo request.")
    size: int = Field(default=_ICMP.size, ge=0, le=65507, description="Bytes of payload.")
    via: Literal["member"] = Field(default="member", description=_STRAIGHT)


class SmtpCheckFile(CheckFile):
    """A mail server must greet, and answer EHLO."""

    type: Literal["smtp"] = Field(description="An SMTP greeting, EHLO and QUIT.")
    helo: Helo = Field(default=_SMTP.helo, description="Name that is said in EHLO.")
    starttls: bool = Field(default=_SMTP.starttls, description="Ask for TLS after EHLO.")
    tls: TlsFile | None = Field(
        default=None, description="TLS from the first byte, or with `starttls` how it is spoken; null: none."
    )


class GrpcCheckFile(CheckFile):
    """The standard health service must say SERVING."""

    type: Literal["grpc"] = Field(description="A call of grpc.health.v1.Health/Check.")
    service: GrpcService = Field(
        default="", description="Service that is asked about; empty: the server as a whole."
    )
    authority: Host = Field(default="", description="The :authority of the call; empty: address and port.")
    tls: TlsFile | None = Field(default=None, description=_ENCRYPTED)


class FileCheckFile(CheckFile):
    """A file on the director says whether the member is up: 0 is down, 1 to 100 up."""

    type: Literal["file"] = Field(description="A number in a file.")
    path: Path = Field(
        description="Absolute path of the file; {address} and {port} in it stand for the member's."
    )
    weight: bool = Field(default=False, description="The number is the share of the weight in per cent.")
    via: Literal["member"] = Field(default="member", description=_STRAIGHT)


class CommandCheckFile(CheckFile):
    """A program on the director must exit with 0."""

    type: Literal["command"] = Field(description="A program, never a shell.")
    argv: Argv = Field(
        description="Absolute path of the program, and its arguments; {address} and {port} in them stand for "
        "the member's."
    )
    weight: bool = Field(
        default=False,
        description="Exit codes 2 to 102 pass, too, and mean 0 to 100 per cent of the weight.",
    )
    via: Literal["member"] = Field(default="member", description=_STRAIGHT)


KINDS: dict[str, type[CheckFile]] = {
    "tcp": TcpCheckFile,
    "http": HttpCheckFile,
    "https": HttpsCheckFile,
    "tls": TlsCheckFile,
    "udp": UdpCheckFile,
    "dns": DnsCheckFile,
    "icmp": IcmpCheckFile,
    "smtp": SmtpCheckFile,
    "grpc": GrpcCheckFile,
    "file": FileCheckFile,
    "command": CommandCheckFile,
}

Check = Annotated[CheckFile, ByType(KINDS, "tcp")]
Checks = Annotated[list[Check], Field(max_length=16)]
