"""The section ``directors``: the hosts of a cluster."""

from __future__ import annotations

from pydantic import Field

from clusterlb.config.fields import InterfaceName, RouterId
from clusterlb.config.models.base import Strict


class DirectorFile(Strict):
    """A host running IPVS, FRR and clusterlb."""

    router_id: RouterId = Field(description="OSPF router id, different on every director.")
    uplinks: list[InterfaceName] = Field(
        min_length=1, max_length=64, description="Interfaces towards the switch, on which OSPF is spoken."
    )
