"""The section ``directors``: the hosts of a cluster."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WrapValidator

from clusterlb.config.fields import Area, InterfaceName, RouterId, VipAddress, parse_interface
from clusterlb.config.models.base import Strict

Network = Literal["point-to-multipoint", "point-to-point", "broadcast"]
Cost = Annotated[int, Field(ge=1, le=65535)]


class UplinkFile(Strict):
    """An uplink with settings of its own."""

    name: InterfaceName = Field(description="Interface towards a switch.")
    network: Network | None = Field(
        default=None, description="OSPF network type of this uplink; null: that of `cluster.ospf`."
    )
    area: Area | None = Field(
        default=None, description="OSPF area of this uplink; null: that of `cluster.ospf`."
    )
    cost: Cost | None = Field(
        default=None,
        description="OSPF cost of this uplink for outgoing packets; the switch sets that of incoming ones. "
        "null: FRR's, by bandwidth; with several uplinks 65535, so that no traffic between switches passes "
        "the director.",
    )


def _name_or_mapping(value: object, _handler: object) -> UplinkFile:
    """Validate one form only: a union reports errors of both, at paths that no file has."""
    if isinstance(value, dict):
        return UplinkFile.model_validate(value)
    return UplinkFile(name=parse_interface(value))


_Uplink: Any = Annotated[InterfaceName | UplinkFile, WrapValidator(_name_or_mapping)]


class DirectorFile(Strict):
    """A host running IPVS, FRR and clusterlb."""

    router_id: RouterId = Field(description="OSPF router id, different on every director.")
    uplinks: list[_Uplink] = Field(
        min_length=1,
        max_length=64,
        description="Interfaces towards the switches, on which OSPF is spoken: names, or mappings such as "
        "{name: e1, cost: 20}.",
    )
    inside: list[VipAddress] = Field(
        default=[],
        max_length=2,
        description="Its addresses, one a family, on the link shared with the real servers: their gateway "
        "for nat and SNAT pools, and the other directors' next hop to it.",
    )
    peer_address: VipAddress | None = Field(
        default=None,
        description="Its address for the other directors' controllers, with `cluster.peers`; null: the first "
        "of `inside`.",
    )
    local_addresses: list[VipAddress] = Field(
        default=[],
        max_length=256,
        description="Source addresses that it alone gives to fullnat: clusterlb announces those inside "
        "`vip_prefixes`; others are on one of its interfaces already.",
    )
