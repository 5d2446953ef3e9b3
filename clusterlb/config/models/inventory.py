"""The whole file."""

from __future__ import annotations

from pydantic import Field

from clusterlb.config.models.base import Strict
from clusterlb.config.models.cluster import ClusterFile
from clusterlb.config.models.director import DirectorFile
from clusterlb.config.models.maintenance import WindowFile
from clusterlb.config.models.pool import PoolFile
from clusterlb.config.models.snat import SnatPoolFile
from clusterlb.config.models.vip import VipFile


class InventoryFile(Strict):
    """The whole inventory of one clusterlb cluster."""

    cluster: ClusterFile = Field(description="Name, prefixes and routing, the same for all directors.")
    directors: dict[str, DirectorFile] = Field(description="Directors by name: their host names, by default.")
    pools: dict[str, PoolFile] = Field(default={}, description="Pools by name.")
    vips: dict[str, VipFile] = Field(default={}, description="Virtual addresses, IPv4 or IPv6.")
    snat_pools: dict[str, SnatPoolFile] = Field(
        default={}, description="SNAT pools by name: of several that match, a packet is the first one's."
    )
    maintenance: list[WindowFile] = Field(
        default=[], description="Maintenance windows: planned drains; lists of several files are joined."
    )
