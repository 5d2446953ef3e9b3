"""When a director is fit by itself: what it asks for must be there to be asked."""

from __future__ import annotations

from clusterlb.config.item import Everything
from clusterlb.config.lint.checks import lint_check
from clusterlb.config.report import Report

_HERE = ("director_checks",)


def lint_director_checks(everything: Everything, report: Report) -> None:
    """Check each probe by itself, and that BFD runs where its sessions count."""
    placed = everything.cluster
    if placed is None:
        return
    item, checks = placed.item, placed.value.director_checks
    for probe in checks.probes:
        lint_check(placed, (*_HERE, "probes", probe.name), probe.check, report)
    if checks.bfd and placed.value.ospf.bfd is None and placed.sure(("ospf",), "bfd"):
        report.error(
            item.source,
            item.at(*_HERE, "bfd"),
            "`bfd: true` asks for a BFD session, but OSPF runs without BFD",
            f"no director would ever be fit: see {item.where('ospf', 'bfd')}",
        )
