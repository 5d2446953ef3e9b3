"""The section ``cluster``: names, prefixes and OSPF, the same for all directors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clusterlb.config.fields import Area, Md5Key, Name, Network, duration
from clusterlb.config.models.base import Strict
from clusterlb.config.models.director_checks import DirectorChecksFile
from clusterlb.model.inventory import Bfd, LaneCosts, Ospf

_OSPF = Ospf()
_BFD = Bfd(0.05, 3)
_COSTS = LaneCosts()

Cost = Annotated[int, Field(ge=1, le=65535)]


class BfdFile(Strict):
    """Bidirectional forwarding detection between director and switch: how fast a death is noticed."""

    interval: Annotated[float, duration(0.01, 60, whole=0.001)] = Field(
        default=_BFD.interval,
        description="Time between two BFD packets, both ways: 10ms to 60s, in whole milliseconds.",
    )
    multiplier: int = Field(
        default=_BFD.multiplier, ge=2, le=255, description="BFD packets missed in a row that mean down."
    )


class CostsFile(Strict):
    """The OSPF cost of each lane; the switch uses the lowest there is: active < standby < drained."""

    active: Cost = Field(default=_COSTS.active, description="Cost of a VIP that this director serves.")
    standby: Cost = Field(
        default=_COSTS.standby, description="Cost of a VIP it would serve if nobody else does."
    )
    drained: Cost = Field(default=_COSTS.drained, description="Cost of a VIP that is being drained from it.")


class OspfFile(Strict):
    """How directors speak OSPF to the switch."""

    area: Area = Field(default=_OSPF.area, description="OSPF area of the uplinks.")
    announce: Literal["intra-area"] = Field(
        default=_OSPF.announce.value,
        description="How VIPs get into OSPF. intra-area: as addresses on passive interfaces, the lanes.",
    )
    hello: Annotated[float, duration(1, 65535, whole=1)] = Field(
        default=_OSPF.hello,
        description="Time between two hellos, in whole seconds; as on the switch.",
    )
    dead: Annotated[float, duration(1, 65535, whole=1)] = Field(
        default=_OSPF.dead,
        description="Silence after which a neighbour is dead, in whole seconds; as on the switch.",
    )
    retransmit: Annotated[float, duration(1, 65535, whole=1)] = Field(
        default=_OSPF.retransmit,
        description="Time after which an LSA that was not acknowledged is sent again, in whole seconds.",
    )
    pace: Annotated[float, duration(0, 3600)] = Field(
        default=_OSPF.pace,
        description="Least time between two changes of a director's LSA. A switch drops without a word what "
        "comes within its MinLSArrival (1s by default); go below that only where the switch was tuned.",
    )
    bfd: BfdFile | None = Field(
        default=BfdFile(),
        description="BFD on the uplinks; null runs OSPF without it, on hello and dead alone.",
    )
    costs: CostsFile = Field(default=CostsFile(), description="OSPF cost of each lane.")
    md5_key: Md5Key | None = Field(
        default=None, description="OSPF MD5 key of the uplinks, 1 to 16 characters; null: no authentication."
    )
    md5_key_id: int = Field(
        default=_OSPF.md5_key_id, ge=1, le=255, description="Number of the MD5 key, the same on the switch."
    )


class ClusterFile(Strict):
    """What all directors share."""

    name: Name = Field(description="Name of the cluster, in logs and metrics.")
    vip_prefixes: list[Network] = Field(
        min_length=1,
        max_length=256,
        description="Prefixes that hold every VIP, at most 256; nothing else is ever announced.",
    )
    max_active: int = Field(
        default=8,
        ge=1,
        le=256,
        description="How many equal routes the switch spreads flows over: its ECMP width.",
    )
    ospf: OspfFile = Field(default=OspfFile(), description="OSPF settings of every director.")
    director_checks: DirectorChecksFile = Field(
        default=DirectorChecksFile(), description="When a director by itself is fit to announce anything."
    )
