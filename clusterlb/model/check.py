"""How members are checked: what a probe does, and how its results become a verdict. Durations are seconds.

Text that goes over the wire (``send``) holds one byte a character, U+0000 to U+00FF; patterns (``expect``,
``body``, ``answer``) are regular expressions of RE2's that are searched for (``clusterlb.pattern``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

EXPECT_WINDOW = 16384  # bytes of what comes over a connection in which ``expect`` is searched for
LONGEST_DATAGRAM = 65507  # bytes of UDP over IPv4


class VerdictState(Enum):
    """UNKNOWN is not DOWN: it changes nothing."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class CheckType(Enum):
    """What a probe does."""

    TCP = "tcp"
    HTTP = "http"
    HTTPS = "https"
    TLS = "tls"
    UDP = "udp"
    DNS = "dns"
    ICMP = "icmp"
    SMTP = "smtp"
    GRPC = "grpc"
    FILE = "file"
    COMMAND = "command"


class Via(Enum):
    """The way a probe takes: to the member's own address, or to the VIP through IPVS."""

    MEMBER = "member"
    VIP = "vip"


class Need(Enum):
    """Whether a member needs all of its checks, or any."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How TLS is spoken.

    ``ca`` is a file of trusted certificates, ``system`` the host's own; empty: the certificate is not
    verified. With it the name is verified too: ``server_name``, or the member's address where that is empty.
    ``warn_expiry``: seconds before the certificate's end from which a passing check warns, 0 never.
    ``ciphers``: what is offered below TLS 1.3, as ciphers(1ssl) writes it. ``legacy_renegotiation``: take a
    member that does not know secure renegotiation (RFC 5746).
    """

    server_name: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    warn_expiry: float = 0.0
    ciphers: str = "DEFAULT"
    legacy_renegotiation: bool = False


@dataclass(frozen=True, slots=True)
class TcpOptions:
    """A connection; with ``send`` or ``expect`` a dialogue on it, with ``tls`` an encrypted one."""

    send: str = ""
    expect: str = ""
    tls: TlsOptions | None = None


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """One request. ``status`` holds inclusive ranges; ``digest`` is the body's, in hex, SHA-256 or MD5.

    ``not_body`` must not be found. All three look at the first ``body_limit`` bytes of the body.
    ``weight_header`` names a header of the answer that holds the member's share of its weight, in per cent.
    ``tls`` is there with https.
    """

    method: str = "GET"
    path: str = "/"
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    status: tuple[tuple[int, int], ...] = ((200, 299),)
    body: str = ""
    not_body: str = ""
    digest: str = ""
    body_limit: int = 65536
    weight_header: str = ""
    tls: TlsOptions | None = None


@dataclass(frozen=True, slots=True)
class UdpOptions:
    """A datagram and what must come back; without ``expect``, no ICMP refusal within the timeout passes."""

    send: str = ""
    expect: str = ""


@dataclass(frozen=True, slots=True)
class DnsOptions:
    """One question over UDP. ``answer`` is searched for in each answer record's text."""

    name: str = "."
    record: str = "NS"
    rcode: str = "NOERROR"
    answer: str = ""


@dataclass(frozen=True, slots=True)
class IcmpOptions:
    """An echo request with ``size`` bytes of payload."""

    size: int = 56


@dataclass(frozen=True, slots=True)
class SmtpOptions:
    """A greeting, EHLO and QUIT; ``starttls`` asks for TLS after EHLO, ``tls`` alone begins with it."""

    helo: str = "clusterlb.invalid"
    starttls: bool = False
    tls: TlsOptions | None = None


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """The standard health service, grpc.health.v1.Health/Check, asked for ``service``."""

    service: str = ""
    authority: str = ""
    tls: TlsOptions | None = None


@dataclass(frozen=True, slots=True)
class FileOptions:
    """A number in a file: 0 is down, 1 to 100 up; with ``weight`` it is the share of the weight, in per cent.

    ``{address}`` and ``{port}`` in the path stand for the member's.
    """

    path: str = ""
    weight: bool = False


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """A program and its arguments, never a shell. Exit 0 passes.

    With ``weight``, exit 2 to 102 passes too and means a share of 0 to 100 per cent of the weight.
    ``{address}`` and ``{port}`` in an argument stand for the member's.
    """

    argv: tuple[str, ...] = ()
    weight: bool = False


Options = (
    TcpOptions
    | HttpOptions
    | TlsOptions
    | UdpOptions
    | DnsOptions
    | IcmpOptions
    | SmtpOptions
    | GrpcOptions
    | FileOptions
    | CommandOptions
)

OPTIONS: dict[CheckType, type[Options]] = {
    CheckType.TCP: TcpOptions,
    CheckType.HTTP: HttpOptions,
    CheckType.HTTPS: HttpOptions,
    CheckType.TLS: TlsOptions,
    CheckType.UDP: UdpOptions,
    CheckType.DNS: DnsOptions,
    CheckType.ICMP: IcmpOptions,
    CheckType.SMTP: SmtpOptions,
    CheckType.GRPC: GrpcOptions,
    CheckType.FILE: FileOptions,
    CheckType.COMMAND: CommandOptions,
}


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """What one probe does, and how often. ``timeout`` is the whole probe's.

    Two checks that differ only in what their results come to (``CheckSpec``) share a probe.
    """

    type: CheckType = CheckType.TCP
    interval: float = 2.0
    timeout: float = 1.0
    options: Options = TcpOptions()


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A probe and how its results are damped: ``rise`` successes in a row mean UP, ``fall`` failures DOWN.

    ``hold``: least time between a member's going DOWN and its coming UP again. ``initial``: its verdict
    before the first one is in. ``port`` and ``address``: None for the member's own.
    """

    probe: ProbeSpec = ProbeSpec()
    rise: int = 2
    fall: int = 3
    hold: float = 0.0
    initial: VerdictState = VerdictState.UNKNOWN
    port: int | None = None
    via: Via = Via.MEMBER
    address: IPv4Address | IPv6Address | None = None
