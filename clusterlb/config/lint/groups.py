"""VIPs with a group: several addresses that are served as one."""

from __future__ import annotations

from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.addresses import is_outside, outside
from clusterlb.config.report import Report
from clusterlb.model.inventory import Vip, Vrrp


def lint_groups(everything: Everything, report: Report) -> None:
    """Check that the addresses of a group may be announced, are of one family, and are not VRRP's."""
    for placed in everything.vips.values():
        if placed.value.group:
            _addresses(everything, placed, report)
            _vrrp(placed, report)


def _addresses(everything: Everything, placed: Placed[Vip], report: Report) -> None:
    item, main = placed.item, placed.value.address
    for index, address in enumerate(placed.value.group[1:]):
        if address.version != main.version:
            report.error(
                item.source,
                item.at("group", index),
                f"IPv{address.version} address {address} in the group of IPv{main.version} VIP {main}",
                "a firewall mark's service has one family; write it as a VIP of its own",
            )
        elif is_outside(everything, address):
            outside(everything, item, ("group", index), f"VIP {address}", report)


def _vrrp(placed: Placed[Vip], report: Report) -> None:
    item = placed.item
    if isinstance(placed.value.ha, Vrrp):
        report.error(
            item.source,
            item.key_at("group"),
            "`group` with `ha: {mode: vrrp}`: a virtual router holds one address here",
            f"write each address as a VIP with a `vrid` of its own; see {item.where('ha', 'vrid')}",
        )
