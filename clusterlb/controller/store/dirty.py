"""What has to be looked at again."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import ServiceKey


@dataclass(slots=True)
class Dirty:
    """Pools, services and VIPs that are to be looked at again, or everything."""

    everything: bool = False
    pools: set[str] = field(default_factory=set)
    keys: set[ServiceKey] = field(default_factory=set)
    vips: set[IPAddress] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.everything or self.pools or self.keys or self.vips)
