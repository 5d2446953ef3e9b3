"""Firewall marks that make one virtual service of several ports, or of several VIPs."""

from __future__ import annotations

from clusterlb.core.nft.part import MARK, WORDS, Part, chain, client_ports, endpoint, is_of, lookups
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.inventory import Inventory
from clusterlb.model.marks import ANCHOR_MARKS, PROBE_MARKS
from clusterlb.model.rules import Element, NamedSet


def classify(inventory: Inventory) -> Part:
    """Return the part that marks packets to VIPs whose services have a mark of ours.

    A probe through the VIP carries a mark already, and so does an anchored flow: they keep it, to reach their
    one member.
    """
    found: dict[AddressFamily, dict[Element, str]] = {}
    for vip in inventory.vips.values():
        for service in vip.services:
            if service.mark:
                for ports in client_ports(service):
                    key = endpoint(vip.address, service, ports)
                    found.setdefault(family_of(vip.address), {})[key] = MARK.format(service.mark)
    sets: dict[str, NamedSet] = {}
    rules = [f"meta mark {is_of(marks)} return" for marks in (PROBE_MARKS, ANCHOR_MARKS)] if found else []
    for family, elements in sorted(found.items()):
        marked, found_by = lookups(WORDS[family], "d", "marks", elements, "mark")
        rules += [f"meta mark set {each.key} map @{each.name}" for each in found_by]
        sets |= marked
    return Part(chain("classify", "prerouting priority mangle", rules), sets)
