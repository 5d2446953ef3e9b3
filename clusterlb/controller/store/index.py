"""What follows from an inventory, worked out once."""

from __future__ import annotations

from collections import defaultdict

from clusterlb.core.announce import is_inside
from clusterlb.core.host import limits, sysctls
from clusterlb.core.nft.table import parts
from clusterlb.core.roster import director_key, roster
from clusterlb.core.served import Served, carriers, served
from clusterlb.core.vrrp import groups_of
from clusterlb.model.address import IPAddress
from clusterlb.model.health import CheckKey, ProbeKey
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.ipvs import ServiceKey
from clusterlb.model.state import FrrLine


class Index:
    """What concerns what, worked out once an inventory. ``frr``: the lines that the inventory renders to."""

    def __init__(self, inventory: Inventory, director: Director, frr: tuple[FrrLine, ...] = ()) -> None:
        self.inventory = inventory
        self.director = director
        self.frr = frr
        self.parts = parts(inventory, director)
        self.served: Served = served(inventory)
        self.groups = groups_of(inventory, director)
        self.sysctls = sysctls(inventory, director)
        self.limits = limits(inventory)
        self.settings = {*self.sysctls, *self.limits}
        self.borrowed = [
            address
            for address in director.local_addresses
            if not is_inside(address, inventory.cluster.vip_prefixes)
        ]
        self.roster = roster(inventory)
        self.carriers = carriers(self.served, inventory)
        self.keys: dict[str, list[ServiceKey]] = {}
        for key, (_, service) in self.served.items():
            self.keys.setdefault(service.pool, []).append(key)
        self.own_checks: dict[ProbeKey, dict[str, CheckKey]] = defaultdict(dict)
        for probe in inventory.cluster.director_checks.probes:
            key_of_probe = director_key(probe)
            self.own_checks[key_of_probe.probe][probe.name] = key_of_probe

    def vips(self, key: ServiceKey) -> frozenset[IPAddress]:
        """Return the VIPs that a service belongs to, also one that the inventory has no more."""
        return self.carriers.get(key, key.vips)

    @property
    def owned(self) -> set[ServiceKey]:
        """Return every service that is to be in the kernel: those of the VIPs, and the probes' own."""
        return {*self.served, *self.roster.probe_services}

    @property
    def probes(self) -> set[ProbeKey]:
        """Return everything that is to be probed."""
        return {*self.roster.users, *self.own_checks}
