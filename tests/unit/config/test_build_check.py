"""What arrives of a check of each kind."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from clusterlb.config.load import load
from clusterlb.model.check import (
    CheckSpec,
    CheckType,
    CommandOptions,
    DnsOptions,
    FileOptions,
    GrpcOptions,
    HttpOptions,
    IcmpOptions,
    Need,
    Options,
    ProbeSpec,
    SmtpOptions,
    TcpOptions,
    TlsOptions,
    UdpOptions,
    VerdictState,
    Via,
)
from clusterlb.model.inventory import Pool

BASE = """\
cluster: {name: c, vip_prefixes: [10.100.0.0/24]}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}
pools:
  web:
    members:
      - {address: 10.2.0.1, port: 80, weight: 4}
      - {address: 10.2.0.2, port: 80}
    check: {}
vips: {10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}}
"""
DIGEST = "0123456789ABCDEFabcdef0123456789abcdef0123456789abcdef0123456789"
TLS = "{server_name: a.example, ca: system, certificate: /c.pem, key: /k.pem, warn_expiry: 30d, "
TLS += "ciphers: DEFAULT@SECLEVEL=1, legacy_renegotiation: true}"
TLS_OPTIONS = TlsOptions(
    "a.example", "system", "/c.pem", "/k.pem", 30 * 86400.0, "DEFAULT@SECLEVEL=1", legacy_renegotiation=True
)
EVERYTHING: dict[str, tuple[CheckType, Options]] = {
    "{}": (CheckType.TCP, TcpOptions()),
    r'{type: tcp, send: "PING\r\n\xff", expect: "^\\+PONG", tls: {}}': (
        CheckType.TCP,
        TcpOptions("PING\r\n\xff", r"^\+PONG", TlsOptions()),
    ),
    f"{{type: tcp, tls: {TLS}}}": (CheckType.TCP, TcpOptions(tls=TLS_OPTIONS)),
    "{type: http}": (CheckType.HTTP, HttpOptions()),
    f"{{type: http, method: POST, path: '/h?a=b', host: 'h:81', headers: {{X-A: é, Accept: '*/*'}}, "
    f"status: [200, 301-399], body: o+k, not_body: bad, digest: {DIGEST}, body_limit: 9, "
    "weight_header: X-W}": (
        CheckType.HTTP,
        HttpOptions(
            "POST",
            "/h?a=b",
            "h:81",
            (("X-A", "é"), ("Accept", "*/*")),
            ((200, 200), (301, 399)),
            "o+k",
            "bad",
            DIGEST.lower(),
            9,
            "X-W",
        ),
    ),
    "{type: http, status: 204}": (CheckType.HTTP, HttpOptions(status=((204, 204),))),
    "{type: http, status: 200-399}": (CheckType.HTTP, HttpOptions(status=((200, 399),))),
    "{type: https}": (CheckType.HTTPS, HttpOptions(tls=TlsOptions())),
    f"{{type: https, tls: {TLS}}}": (CheckType.HTTPS, HttpOptions(tls=TLS_OPTIONS)),
    "{type: tls}": (CheckType.TLS, TlsOptions()),
    "{type: tls, " + TLS[1:]: (CheckType.TLS, TLS_OPTIONS),
    "{type: udp, send: a, expect: b}": (CheckType.UDP, UdpOptions("a", "b")),
    "{type: dns}": (CheckType.DNS, DnsOptions()),
    "{type: dns, name: _a.example., record: srv, rcode: nxdomain, answer: 53}".replace("53", "'53'"): (
        CheckType.DNS,
        DnsOptions("_a.example.", "SRV", "NXDOMAIN", "53"),
    ),
    "{type: icmp, size: 0}": (CheckType.ICMP, IcmpOptions(0)),
    "{type: smtp}": (CheckType.SMTP, SmtpOptions()),
    "{type: smtp, helo: d.example, starttls: true}": (
        CheckType.SMTP,
        SmtpOptions("d.example", True, TlsOptions()),
    ),
    f"{{type: grpc, service: a.B, authority: a.example, tls: {TLS}}}": (
        CheckType.GRPC,
        GrpcOptions("a.B", "a.example", TLS_OPTIONS),
    ),
    "{type: file, path: '/run/{address}', weight: true}": (
        CheckType.FILE,
        FileOptions("/run/{address}", True),
    ),
    "{type: command, argv: [/bin/c, '{port}', ''], weight: true}": (
        CheckType.COMMAND,
        CommandOptions(("/bin/c", "{port}", ""), True),
    ),
}


def one_check(text: str, tmp_path: Path) -> CheckSpec:
    path = tmp_path / "a.yaml"
    path.write_text(BASE.replace("check: {}", f"check: {text}"))
    (check,) = load(path)[0].pools["web"].checks
    return check


def pool(text: str, tmp_path: Path) -> Pool:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    return load(path)[0].pools["web"]


@pytest.mark.parametrize("text", EVERYTHING)
def test_every_kind_arrives(text: str, tmp_path: Path) -> None:
    kind, options = EVERYTHING[text]
    assert one_check(text, tmp_path) == CheckSpec(ProbeSpec(kind, options=options))


def test_the_common_keys_arrive(tmp_path: Path) -> None:
    text = "{type: http, interval: 5s, timeout: 500ms, rise: 4, fall: 5, hold: 1m, initial: down, port: 8080}"
    assert one_check(text, tmp_path) == CheckSpec(
        ProbeSpec(CheckType.HTTP, 5.0, 0.5, HttpOptions()), 4, 5, 60.0, VerdictState.DOWN, 8080
    )
    assert one_check("{via: vip}", tmp_path).via is Via.VIP


def test_several_checks_and_a_members_own(tmp_path: Path) -> None:
    text = BASE.replace("check: {}", "checks: [{type: icmp}, {}]\n    need: any").replace(
        "2, port: 80}",
        "2, port: 80}\n"
        "      - {address: 10.2.0.3, port: 80, check: {type: dns}}\n"
        "      - {address: 10.2.0.4, port: 80, checks: [{}, {type: tls}]}\n"
        "      - {address: 10.2.0.5, port: 80, check: null}\n"
        "      - {address: 10.2.0.6, port: 80, checks: []}",
    )
    found = pool(text, tmp_path)
    assert found.need is Need.ANY
    assert [check.probe.type for check in found.checks] == [CheckType.ICMP, CheckType.TCP]
    kinds = [
        None if member.checks is None else [check.probe.type for check in member.checks]
        for member in found.members
    ]
    assert kinds == [None, None, [CheckType.DNS], [CheckType.TCP, CheckType.TLS], [], []]
    assert found.checks_of(found.members[0]) == found.checks
    assert found.members[0].address == IPv4Address("10.2.0.1")


def test_specifications_can_be_shared(tmp_path: Path) -> None:
    for text in EVERYTHING:
        assert hash(one_check(text, tmp_path)) == hash(one_check(text, tmp_path))
