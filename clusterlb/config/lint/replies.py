"""Members whose replies are translated: a reply must belong to one service.

A reply carries only the member's address and port, and the rule that translates it on any director knows no
more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from clusterlb.config.item import Everything
from clusterlb.config.lint.subject import Subject, subjects
from clusterlb.config.report import Report
from clusterlb.model.address import IPAddress, endpoint_text
from clusterlb.model.forwarding import Forwarding, PortRange
from clusterlb.model.ipvs import Protocol

_EVERY = (PortRange(1, 65535),)
_Members = dict[tuple[Protocol, IPAddress], list["_Use"]]


class _Use(NamedTuple):
    """Ports of a member that a service translates; ``alike``: to the same ports of the VIP."""

    ports: PortRange
    method: Forwarding
    alike: bool
    subject: Subject


def lint_replies(everything: Everything, report: Report) -> None:
    """Report members with nat and fullnat; warn of replies that may belong to several services."""
    members: _Members = defaultdict(list)
    for subject in subjects(everything):
        grouped = False
        for address, use in _uses(subject):
            members[subject.service.protocol, address].append(use)
            grouped = grouped or (use.method is Forwarding.NAT and bool(subject.vip.value.group))
        if grouped:
            _group(subject, report)
    _gateway(everything, report)
    seen: set[tuple[str, int, Forwarding]] = set()
    for (_, address), uses in members.items():
        if len(uses) > 1:
            _sweep(address, sorted(uses, key=lambda use: use.ports), seen, report)


def _uses(subject: Subject) -> Iterator[tuple[IPAddress, _Use]]:
    service, users = subject.service, [reach for reach in subject.reaches() if reach.method.translates]
    if users and subject.knows_ports and subject.sure("protocol"):
        for reach in users:
            own = (PortRange(reach.endpoint.port, reach.endpoint.port),)
            alike = service.keeps_port or reach.endpoint.port == service.port
            for ports in (service.ports or _EVERY) if service.keeps_port else own:
                yield reach.endpoint.address, _Use(ports, reach.method, alike, subject)


def _sweep(
    address: IPAddress, uses: list[_Use], seen: set[tuple[str, int, Forwarding]], report: Report
) -> None:
    """Compare each use with the widest earlier use of each method; report a service once."""
    widest: dict[Forwarding, _Use] = {}
    for use in uses:
        for other in widest.values():
            if use.ports.first > other.ports.last or use.subject is other.subject:
                continue
            first, second = sorted((other, use), key=_order)
            mark = (second.subject.item.name, second.subject.number, first.method)
            if mark in seen:
                continue
            if use.method is not other.method:
                _both(address, first, second, report)
            elif use.method is Forwarding.NAT and not _same(first, second):
                _either(address, first, second, report)
            else:
                continue
            seen.add(mark)
        before = widest.get(use.method)
        if before is None or use.ports.last > before.ports.last:
            widest[use.method] = use


def _order(use: _Use) -> tuple[str, int, int]:
    place = use.subject.at()
    return place.source.name, place.line, place.column


def _same(first: _Use, second: _Use) -> bool:
    """Say whether replies to both services look the same to a client."""
    return first.alike and second.alike and first.subject.item is second.subject.item


def _member(address: IPAddress, use: _Use) -> str:
    ports = use.ports
    return endpoint_text(address, ports.first) if ports.first == ports.last else f"{address} ports {ports}"


def _both(address: IPAddress, first: _Use, second: _Use, report: Report) -> None:
    subject = second.subject
    report.error(
        subject.at("pool"),
        f"member {_member(address, second)} has {second.method.value} here and {first.method.value} for "
        f"service {first.subject}",
        "a rule translates nat's replies by the member's address and port, and would take fullnat's, too; "
        f"use one method, or another port; the other is at {first.subject.at()}",
    )


def _either(address: IPAddress, first: _Use, second: _Use, report: Report) -> None:
    subject = second.subject
    report.warning(
        subject.at("pool"),
        f"member {_member(address, second)} has nat here and for service {first.subject}",
        "a reply does not tell which of them it belongs to, and may pass only the director that has the "
        f"flow; give the member a port for each service; the other is at {first.subject.at()}",
    )


def _group(subject: Subject, report: Report) -> None:
    report.warning(
        subject.at("forwarding"),
        f"nat behind several VIPs: a reply does not tell which one of group {subject.item.name} it is for",
        "it may pass only the director that has the flow; use dr, tun or fullnat, or a pool for each VIP",
    )


def _gateway(everything: Everything, report: Report) -> None:
    """Warn of an IPv4 address that has nat in one service, and dr or tun in another, once per service.

    With nat, the directors are the host's gateway, so replies of dr, whose source is the VIP, also go to a
    director. The director drops them, as the VIP is its own address (fib_validate_source() in
    net/ipv4/fib_frontend.c). IPv6 has no such check.
    """
    direct: dict[IPAddress, Subject] = {}
    masqueraded: dict[IPAddress, Subject] = {}
    for subject in subjects(everything):
        for reach in subject.reaches():
            if reach.endpoint.address.version == 4 and subject.sure_of(reach):
                found = masqueraded if reach.method is Forwarding.NAT else direct
                if reach.method is not Forwarding.FULLNAT:
                    found.setdefault(reach.endpoint.address, subject)
    told: set[tuple[str, int]] = set()
    for address, subject in masqueraded.items():
        other = direct.get(address)
        if other is None or (subject.item.name, subject.number) in told:
            continue
        told.add((subject.item.name, subject.number))
        key = "forwarding" if subject.item.has(*subject.path, "forwarding") else "pool"
        report.warning(
            subject.at(key),
            f"real server {address} has nat here, and answers itself for service {other}",
            "with the directors as its gateway those answers come to a director, which drops them: their "
            f"source, the VIP, is its own; give nat servers of its own; the other is at {other.at()}",
        )
