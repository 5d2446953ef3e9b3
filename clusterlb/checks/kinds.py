"""The registry: which class probes which type of check. A new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from clusterlb.checks.probe import Probe
from clusterlb.model.check import CheckType
from clusterlb.model.health import ProbeKey

# Module, and what in it makes a key's probe: a kind is imported when the first key of its type comes, so that
# nobody pays for a library that none of his checks needs.
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
