"""What an inventory serves: its virtual services, each with the VIP that it comes from."""

from __future__ import annotations

from collections.abc import Mapping

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory, Service, Vip
from clusterlb.model.ipvs import ServiceKey

Served = Mapping[ServiceKey, tuple[Vip, Service]]


def served(inventory: Inventory) -> dict[ServiceKey, tuple[Vip, Service]]:
    """Return every virtual service of an inventory with the VIP and service it comes from."""
    return {s.key(vip.address): (vip, s) for vip in inventory.vips.values() for s in vip.services}


def carriers(services: Served, inventory: Inventory) -> dict[ServiceKey, frozenset[IPAddress]]:
    """Return the VIPs whose packets each virtual service takes; one with a firewall mark may have several."""
    return {
        key: frozenset(vip.group or (vip.address,)) & inventory.vips.keys()
        for key, (vip, _) in services.items()
    }
