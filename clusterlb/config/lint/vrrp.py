"""VRRP's groups: each has its link's virtual router id to itself."""

from __future__ import annotations

from clusterlb.config.item import Everything, Item
from clusterlb.config.report import Report
from clusterlb.model.inventory import Vrrp


def lint_vrrp(everything: Everything, report: Report) -> None:
    """Check that no link has a virtual router id twice, and that a VIP's two links are two.

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
                    item.source,
                    item.at("ha", "interfaces", index),
                    f"duplicate interface `{interface}`",
                    "remove one of them: a second link is another one",
                )
                continue
            other = first.setdefault((interface, ha.vrid), item)
            if other is not item:
                report.error(
                    item.source,
                    item.at("ha", "vrid"),
                    f"duplicate `vrid` {ha.vrid} on interface {interface}",
                    f"VIP {other.name} has it at {other.where('ha', 'vrid')}; give each its own, 1 to 255",
                )
