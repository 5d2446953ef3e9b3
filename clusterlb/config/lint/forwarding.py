"""Forwarding methods: their limits for a service's members, and the addresses that directors need."""

from __future__ import annotations

from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.directors import directors_without
from clusterlb.config.lint.subject import Reach, Subject, subjects
from clusterlb.config.report import Report
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Director

_Users = dict[tuple[Forwarding, int], Subject]  # the first service that uses a method in a family


def lint_forwarding(everything: Everything, report: Report) -> None:
    """Check each service's members against its method, and the directors against the methods in use."""
    users: _Users = {}
    for subject in subjects(everything):
        methods = set()
        for reach in subject.reaches():
            _port(subject, reach, report)
            _family(subject, reach, report)
            methods.add(reach.method)
            if reach.method.translates and (reach.method, reach.endpoint.address.version) not in users:
                users[reach.method, reach.endpoint.address.version] = subject
        _one_packet(subject, methods, report)
        _tunnel(subject, methods, report)
    for (method, version), subject in users.items():
        if method is Forwarding.FULLNAT:
            _local_addresses(everything, subject, version, report)
        else:
            _inside(everything, subject, version, report)


def _port(subject: Subject, reach: Reach, report: Report) -> None:
    """Report a member port that differs from the service's with a method that does not rewrite ports."""
    service, method = subject.service, reach.method
    if (
        method.translates
        or service.keeps_port
        or reach.endpoint.port == service.port
        or subject.pool is None
        or not (subject.sure_of(reach) and subject.knows_ports)
    ):
        return
    pool = subject.pool.item
    report.error(
        pool.at(*reach.path, "port"),
        f"port {reach.endpoint.port} differs from the service's, {service.port}, "
        f"with `forwarding: {method.value}`",
        f"{method.value} leaves the port as it is: use {service.port}, or `forwarding: nat`; "
        f"service {subject} at {subject.at()}",
    )


def _family(subject: Subject, reach: Reach, report: Report) -> None:
    """Report a member of the other family without a tunnel (ip_vs_ctl.c, ip_vs_genl_set_cmd)."""
    vip, method = subject.vip.value.address, reach.method
    if (
        method is Forwarding.TUN
        or reach.endpoint.address.version == vip.version
        or subject.pool is None
        or not subject.sure_of(reach)
    ):
        return
    pool, what = subject.pool.item, "member" if len(reach.path) > 1 else "sorry server"
    report.error(
        pool.at(*reach.path, "address"),
        f"IPv{reach.endpoint.address.version} {what} {reach.endpoint.address} behind "
        f"IPv{vip.version} VIP {vip}, with `forwarding: {method.value}`",
        "only `forwarding: tun` crosses address families, and only without an IPVS sync daemon; "
        f"service {subject} at {subject.at()}",
    )


def _one_packet(subject: Subject, methods: set[Forwarding], report: Report) -> None:
    if "ops" in subject.service.flags and Forwarding.FULLNAT in methods:
        report.error(
            subject.at("flags", subject.written_flags.index("ops")),
            "flag `ops` with `forwarding: fullnat`: one-packet scheduling keeps no connection to translate "
            "a reply by",
            "remove the flag, or use another method",
        )


def _tunnel(subject: Subject, methods: set[Forwarding], report: Report) -> None:
    item, path = subject.item, (*subject.path, "tunnel")
    if methods and Forwarding.TUN not in methods and item.has(*path) and subject.sure("forwarding"):
        report.warning(
            item.key_at(*path),
            f"`tunnel` does nothing with `forwarding: {subject.service.forwarding.value}`",
            "write `forwarding: tun`, or remove it",
        )


def _local_addresses(everything: Everything, subject: Subject, version: int, report: Report) -> None:
    lacking = directors_without(everything, "local_addresses", lambda found: found.local_addresses, version)
    if lacking:
        report.error(
            subject.at("forwarding"),
            f"`forwarding: fullnat` needs IPv{version} `local_addresses` on every director: "
            f"{_names(lacking)} none",
            f"add them at {lacking[0].item.place}: the client's address becomes one of them, and "
            "replies find the director by it",
        )


def _inside(everything: Everything, subject: Subject, version: int, report: Report) -> None:
    lacking = directors_without(everything, "inside", lambda found: found.inside, version)
    if lacking:
        report.warning(
            subject.at("forwarding"),
            f"`forwarding: nat` wants an IPv{version} address `inside` on every director: "
            f"{_names(lacking)} none",
            f"add it at {lacking[0].item.place}: without it `clusterlb generate realserver` cannot say "
            "the real servers' gateway",
        )


def _names(directors: list[Placed[Director]]) -> str:
    names = ", ".join(f"`{placed.value.name}`" for placed in directors[:5])
    names += ", ..." if len(directors) > 5 else ""
    return f"{names} {'has' if len(directors) == 1 else 'have'}"
