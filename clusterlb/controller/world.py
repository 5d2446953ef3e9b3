"""Everything the controller knows: the inventory, the checks' verdicts, and what was read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from clusterlb.controller.actual import Actual
from clusterlb.core.announce import Decision
from clusterlb.core.desired import Served, View, served
from clusterlb.core.fitness import DirectorHealth, unfit
from clusterlb.core.programme import sysctls
from clusterlb.core.quorum import Standing
from clusterlb.model.address import IPAddress
from clusterlb.model.health import ProbeKey, Verdict
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.ipvs import ServiceKey
from clusterlb.model.state import FrrLine


class Index:
    """Who is concerned by what, worked out once an inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self.served: Served = served(inventory)
        self.sysctls = sysctls(inventory)
        self.keys: dict[str, list[ServiceKey]] = defaultdict(list)
        for key, (_, service) in self.served.items():
            self.keys[service.pool].append(key)
        self.pools: dict[ProbeKey, list[str]] = defaultdict(list)
        for pool in inventory.pools.values():
            if pool.check is not None and pool.name in self.keys:
                for member in pool.members:
                    self.pools[ProbeKey(member.endpoint, pool.check)].append(pool.name)


@dataclass(slots=True)
class Dirty:
    """What has to be looked at again."""

    everything: bool = False
    pools: set[str] = field(default_factory=set)
    keys: set[ServiceKey] = field(default_factory=set)
    vips: set[IPAddress] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.everything or self.pools or self.keys or self.vips)


@dataclass(slots=True)
class World:
    """The controller's memory; only the reconciler and the readings write to it.

    Marking something as dirty wakes the loop: nothing that has to be looked at waits for another event.
    """

    inventory: Inventory
    director: Director
    index: Index
    frr: tuple[FrrLine, ...] = ()
    actual: Actual = field(default_factory=Actual)
    verdicts: dict[ProbeKey, Verdict] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    decided: dict[IPAddress, Decision] = field(default_factory=dict)
    health: DirectorHealth = field(default_factory=DirectorHealth)
    unprogrammed: dict[IPAddress, str] = field(default_factory=dict)
    last_change: float | None = None
    dirty: Dirty = field(default_factory=Dirty)
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    leaving: bool = False
    wake: Callable[[], None] = lambda: None

    def view(self) -> View:
        """Return what decisions are made from."""
        return View(
            verdicts=self.verdicts,
            standings=self.standings,
            services=self.actual.services,
            director_unfit=unfit(self.health),
            unprogrammed=self.unprogrammed,
            frr=self.frr,
            sysctls=self.index.sysctls,
        )

    def mark_pool(self, name: str) -> None:
        """Look at a pool, its services and their VIPs again."""
        self.dirty.pools.add(name)
        self.mark_keys(self.index.keys[name])

    def mark_keys(self, keys: Iterable[ServiceKey]) -> None:
        """Look at services and their VIPs again."""
        keys = tuple(keys)
        self.dirty.keys.update(keys)
        self.mark_vips(key.address for key in keys if key.address is not None)

    def mark_vips(self, vips: Iterable[IPAddress]) -> None:
        """Look at VIPs again."""
        self.dirty.vips.update(vips)
        self.wake()

    def mark_all(self) -> None:
        """Look at everything again."""
        self.dirty.everything = True
        self.wake()
