"""Real servers that have the directors as their gateway and answer clients themselves, too."""

from __future__ import annotations

from clusterlb.config.item import Everything
from clusterlb.config.lint.subject import Subject, subjects
from clusterlb.config.report import Report
from clusterlb.model.address import IPAddress
from clusterlb.model.forwarding import Forwarding


def lint_gateway(everything: Everything, report: Report) -> None:
    """Warn of an IPv4 address that has nat in one service, and dr or tun in another.

    nat makes the directors the host's gateway, and dr's replies, whose source is the VIP, take that way as
    well: a director drops them, for the VIP is an address of its own (fib_validate_source() in
    net/ipv4/fib_frontend.c). IPv6 has no such check. Told once for each service.
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
        key = "forwarding" if subject.item.written(*subject.path, "forwarding") else "pool"
        report.warning(
            subject.item.source,
            subject.item.at(*subject.path, key),
            f"real server {address} has nat here, and answers itself for service {other}",
            "with the directors as its gateway those answers come to a director, which drops them: their "
            f"source, the VIP, is its own; give nat servers of its own; the other is at {other.where()}",
        )
