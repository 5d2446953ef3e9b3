"""The packets that a service gets, by ports, ranges and firewall marks; no two services claim the same."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from clusterlb.config.item import Everything
from clusterlb.config.lint.subject import Subject, subjects
from clusterlb.config.nodes import Sequence, find, plain
from clusterlb.config.report import Report
from clusterlb.config.service_fields import parse_ports
from clusterlb.model.forwarding import PortRange
from clusterlb.model.ipvs import Protocol


class _Claim(NamedTuple):
    protocol: Protocol
    ports: PortRange
    subject: Subject


def lint_ports(everything: Everything, report: Report) -> None:
    """Check each service's ports by themselves, then against the other services of its VIP."""
    marks: dict[tuple[int, int], Subject] = {}
    for _, of_vip in groupby(subjects(everything), key=lambda subject: subject.item.name):
        claims = []
        for subject in of_vip:
            _one_key(subject, report)
            _list(subject, report)
            _every_port(subject, report)
            _netmask(subject, report)
            _mark(subject, marks, report)
            if subject.knows_ports and not subject.service.fwmark and subject.sure("protocol"):
                claims += _claims(subject)
        _overlaps(sorted(claims, key=lambda claim: (claim.protocol, claim.ports)), report)


def _one_key(subject: Subject, report: Report) -> None:
    item, keys = subject.item, subject.port_keys
    if len(keys) > 1:
        report.error(
            item.key_at(*subject.path, keys[1]),
            f"`{keys[0]}` and `{keys[1]}` exclude each other",
            f"make two services of it, or remove one; see {subject.at(keys[0])}",
        )
    elif not keys and subject.sure("port", "ports", "fwmark"):
        report.error(
            subject.at(),
            "`port` is missing",
            "write `port: 80`, several as `ports: [80, 443]`, or `fwmark: 7`",
        )


def _list(subject: Subject, report: Report) -> None:
    """Report ports that occur twice in ``ports``."""
    item, path = subject.item, (*subject.path, "ports")
    node = find(item.node, path)
    if not isinstance(node, Sequence):
        return
    widest, where = PortRange(0, 0), 0
    for ports, index in sorted((parse_ports(value), index) for index, value in enumerate(plain(node))):
        if ports.first <= widest.last:
            report.error(
                item.at(*path, max(index, where)),
                f"duplicate port {ports}" if ports == widest else f"{ports} overlaps {widest}",
                f"the other is at {item.at(*path, min(index, where))}; write each port once",
            )
        if ports.last > widest.last:
            widest, where = ports, index


def _every_port(subject: Subject, report: Report) -> None:
    service = subject.service
    if subject.port_keys == ["port"] and not service.port and not service.persistence:
        if not subject.sure("persistence"):
            return
        report.error(
            subject.at("port"),
            "`port: 0` without `persistence`: the kernel schedules port 0 in persistent services alone",
            'write `ports: ["1-65535"]`, or add `persistence` (ip_vs_schedule() in ip_vs_core.c)',
        )


def _netmask(subject: Subject, report: Report) -> None:
    service, item, most = subject.service, subject.item, subject.vip.value.address.max_prefixlen
    if service.netmask is None:
        return
    place = subject.at("netmask")
    if not service.persistence and subject.sure("persistence"):
        report.error(
            place,
            "`netmask` without `persistence` does nothing",
            "add `persistence`, such as 600s, or remove it",
        )
    elif service.netmask > most:
        report.error(
            place,
            f"`netmask` is {service.netmask}, but an address of VIP {item.name} has {most} bits",
            f"write a prefix length from 1 to {most}",
        )


def _mark(subject: Subject, marks: dict[tuple[int, int], Subject], report: Report) -> None:
    """Report a mark of two services: the kernel identifies a service by mark and family alone."""
    mark = subject.service.fwmark
    first = marks.setdefault((mark, subject.vip.value.address.version), subject) if mark else subject
    if first is not subject:
        report.error(
            subject.at("fwmark"),
            f"duplicate firewall mark {mark}: VIP {first.item.name} has it, too",
            f"first written at {first.at('fwmark')}; a mark names one service in the kernel",
        )


def _claims(subject: Subject) -> list[_Claim]:
    """Return a service's ports. Port 0 gets the ports of no other service; in a group it gets all ports."""
    service, grouped = subject.service, bool(subject.vip.value.group)
    alone = PortRange(1, 65535) if grouped and not service.port else PortRange(service.port, service.port)
    return [_Claim(service.protocol, ports, subject) for ports in service.ports or (alone,)]


def _overlaps(claims: list[_Claim], report: Report) -> None:
    """Report services that claim a port of another; ``claims`` are sorted."""
    widest: _Claim | None = None
    seen = set()
    for claim in claims:
        if widest is None or widest.protocol is not claim.protocol or claim.ports.first > widest.ports.last:
            widest = claim
            continue
        first, second = sorted((widest, claim), key=lambda one: one.subject.number)
        pair = (first.subject.number, second.subject.number)
        if pair[0] != pair[1] and pair not in seen:
            seen.add(pair)
            _overlap(first, second, report)
        if claim.ports.last > widest.ports.last:
            widest = claim


def _overlap(first: _Claim, second: _Claim, report: Report) -> None:
    subject, other = second.subject, first.subject
    protocol = second.protocol.name.lower()
    same = first.ports == second.ports and first.ports.first == first.ports.last
    report.error(
        subject.at(subject.port_keys[0]),
        f"duplicate service {protocol} {second.ports} of VIP {subject.item.name}"
        if same
        else f"{protocol} {second.ports} overlaps {first.ports}, another service of VIP {subject.item.name}",
        f"first written at {other.at(other.port_keys[0])}; a service has one pool",
    )
