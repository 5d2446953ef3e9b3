"""Checks between fields, on the valid parts of an inventory; each module checks one section."""

from __future__ import annotations

from clusterlb.config.item import Everything
from clusterlb.config.lint.addresses import lint_addresses
from clusterlb.config.lint.cluster import lint_cluster
from clusterlb.config.lint.directors import lint_directors
from clusterlb.config.lint.forwarding import lint_forwarding
from clusterlb.config.lint.maintenance import lint_maintenance
from clusterlb.config.lint.pools import lint_pools
from clusterlb.config.lint.ports import lint_ports
from clusterlb.config.lint.replies import lint_replies
from clusterlb.config.lint.routing import lint_routing
from clusterlb.config.lint.services import lint_services
from clusterlb.config.lint.snat import lint_snat
from clusterlb.config.lint.vips import lint_vips
from clusterlb.config.report import Report


def lint(everything: Everything, report: Report) -> None:
    """Report combinations of fields that cannot work, and warn of those that work badly."""
    lint_cluster(everything, report)
    lint_directors(everything, report)
    lint_routing(everything, report)
    lint_pools(everything, report)
    lint_vips(everything, report)
    lint_addresses(everything, report)
    lint_services(everything, report)
    lint_ports(everything, report)
    lint_forwarding(everything, report)
    lint_replies(everything, report)
    lint_maintenance(everything, report)
    lint_snat(everything, report)
