"""The VIPs: what may be announced, and when."""

from __future__ import annotations

from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.addresses import is_outside, outside
from clusterlb.config.lint.subject import Subject
from clusterlb.config.nodes import Sequence, find, plain
from clusterlb.config.report import Report
from clusterlb.config.service_fields import parse_service
from clusterlb.config.wording import one_of
from clusterlb.model.inventory import Vip


def lint_vips(everything: Everything, report: Report) -> None:
    """Check that every VIP may be announced, and when."""
    for address, placed in everything.vips.items():
        if is_outside(everything, address):
            outside(everything, placed.item, None, f"VIP {address}", report)
        _listed(placed, report)


def _listed(placed: Placed[Vip], report: Report) -> None:
    """Check the services that ``announce_when`` lists, in the order of the file."""
    item = placed.item
    node = find(item.node, ("announce_when",))
    listed = plain(node) if isinstance(node, Sequence) else []
    if not listed:
        return
    known = {service.name: None for service in placed.value.services}
    of_vip = (Subject(placed, index, service, None) for index, service in enumerate(placed.value.services))
    sure = placed.complete("services") and all(subject.knows_ports for subject in of_vip)
    for index, text in enumerate(listed):
        place = item.at("announce_when", index)
        if text in listed[:index]:
            report.error(item.source, place, f"duplicate service `{text}`", "remove one of them")
        elif parse_service(text) not in known and sure:
            report.error(
                item.source,
                place,
                f"VIP {item.name} has no service `{text}`",
                one_of(text, map(str, known)),
            )
