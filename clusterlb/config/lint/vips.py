"""The VIPs: prefixes, groups, announcements, and the directors that serve."""

from __future__ import annotations

from clusterlb.config.item import Everything, Item, Placed
from clusterlb.config.lint.addresses import lint_prefix
from clusterlb.config.lint.directors import lint_director_names
from clusterlb.config.lint.subject import Subject
from clusterlb.config.nodes import Sequence, find, plain
from clusterlb.config.report import Report
from clusterlb.config.service_fields import parse_service
from clusterlb.config.wording import one_of
from clusterlb.model.inventory import Vip, Vrrp


def lint_vips(everything: Everything, report: Report) -> None:
    """Check each VIP against the prefixes, its group, its services and the directors' names."""
    for address, placed in everything.vips.items():
        lint_prefix(everything, "VIP", address, placed.item.place, report)
        _listed(placed, report)
        _group(everything, placed, report)
        _order(everything, placed, report)
    _vrrp(everything, report)


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
            report.error(place, f"duplicate service `{text}`", "remove one of them")
        elif parse_service(text) not in known and sure:
            report.error(
                place,
                f"VIP {item.name} has no service `{text}`",
                one_of(text, map(str, known)),
            )


def _group(everything: Everything, placed: Placed[Vip], report: Report) -> None:
    item, main = placed.item, placed.value.address
    for index, address in enumerate(placed.value.group[1:]):
        if address.version != main.version:
            report.error(
                item.at("group", index),
                f"IPv{address.version} address {address} in the group of IPv{main.version} VIP {main}",
                "a firewall mark's service has one family; write it as a VIP of its own",
            )
        else:
            lint_prefix(everything, "VIP", address, item.at("group", index), report)
    if placed.value.group and isinstance(placed.value.ha, Vrrp):
        report.error(
            item.key_at("group"),
            "`group` with `ha: {mode: vrrp}`: a virtual router holds one address here",
            f"write each address as a VIP with a `vrid` of its own; see {item.at('ha', 'vrid')}",
        )


def _order(everything: Everything, placed: Placed[Vip], report: Report) -> None:
    ha, item = placed.value.ha, placed.item
    if ha is None:
        return
    lint_director_names(everything, placed, ("ha", "order"), ha.order, report)
    if len(ha.order) == 1 and placed.complete("ha", "order"):
        report.warning(
            item.at("ha", "order"),
            f"VIP {item.name} has one director in its `order`: nobody stands by",
            "name a second director, or remove `ha` to have all of them serve",
        )


def _vrrp(everything: Everything, report: Report) -> None:
    """Report a virtual router id that one link has twice, and a VIP whose two links are one.

    The id is most of the group's MAC address (RFC 5798, 7.3), and IPv4 and IPv6 groups of one id share
    their priority and their interval in FRR (vrrpd/vrrp.h, struct vrrp_vrouter).
    """
    first: dict[tuple[str, int], Item] = {}
    for placed in everything.vips.values():
        ha, item = placed.value.ha, placed.item
        if not isinstance(ha, Vrrp):
            continue
        for index, interface in enumerate(ha.interfaces):
            if interface in ha.interfaces[:index]:
                report.error(
                    item.at("ha", "interfaces", index),
                    f"duplicate interface `{interface}`",
                    "remove one of them: a second link is another one",
                )
                continue
            other = first.setdefault((interface, ha.vrid), item)
            if other is not item:
                report.error(
                    item.at("ha", "vrid"),
                    f"duplicate `vrid` {ha.vrid} on interface {interface}",
                    f"VIP {other.name} has it at {other.at('ha', 'vrid')}; give each its own, 1 to 255",
                )
