"""What an inventory file may say: these models are its reference, and ``clusterlb schema`` prints them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from clusterlb.config.fields import Address, Area, InterfaceName, Md5Key, Name, Network, RouterId, duration
from clusterlb.model.inventory import Bfd, CheckSpec, LaneCosts, Ospf, Quorum

_OSPF = Ospf()
_BFD = Bfd(0.05, 3)
_COSTS = LaneCosts()
_CHECK = CheckSpec()
_QUORUM = Quorum()
_MONTH = 31 * 86400.0

Scheduler = Literal["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"]
Flag = Literal["mh-port", "mh-fallback", "sh-port", "sh-fallback", "flag-1", "flag-2", "flag-3", "ops"]
Port = Annotated[int, Field(ge=1, le=65535)]
Cost = Annotated[int, Field(ge=1, le=65535)]


def _title(model: type[BaseModel]) -> str:
    return model.__name__.removesuffix("File")


class Strict(BaseModel):
    """No unknown keys, and no value is taken for another type's."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, model_title_generator=_title)


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


class DirectorFile(Strict):
    """A host running IPVS, FRR and clusterlb."""

    router_id: RouterId = Field(description="OSPF router id, different on every director.")
    uplinks: list[InterfaceName] = Field(
        min_length=1, max_length=64, description="Interfaces towards the switch, on which OSPF is spoken."
    )


class MemberFile(Strict):
    """One address:port that serves."""

    address: Address = Field(description="Address of the real server.")
    port: Port = Field(description="Port of the real server; with dr and tun that of the service.")
    weight: int = Field(
        default=1,
        ge=0,
        le=65535,
        description="Share of the connections relative to the other members; with mh a small integer.",
    )


class CheckFile(Strict):
    """How a member is checked."""

    type: Literal["tcp"] = Field(
        default=_CHECK.type.value, description="tcp: a connection to address:port must be accepted."
    )
    interval: Annotated[float, duration(0.01, 3600)] = Field(
        default=_CHECK.interval, description="Time between two checks."
    )
    timeout: Annotated[float, duration(0.001, 3600)] = Field(
        default=_CHECK.timeout, description="Time after which a check without an answer has failed."
    )
    rise: int = Field(default=_CHECK.rise, ge=1, le=1000, description="Successes in a row that mean UP.")
    fall: int = Field(default=_CHECK.fall, ge=1, le=1000, description="Failures in a row that mean DOWN.")


class QuorumFile(Strict):
    """When a pool is fit to serve; the gap between the two keeps it from flapping."""

    up: int = Field(default=_QUORUM.up, ge=1, description="Members UP that make the pool fit.")
    down: int = Field(
        default=_QUORUM.down,
        ge=0,
        description="A fit pool is fit no longer with this many members UP or fewer.",
    )


class PoolFile(Strict):
    """A named set of members."""

    members: list[MemberFile] = Field(
        min_length=1,
        max_length=4093,
        description="Members, inserted in this order everywhere; at most 4093, the slots of mh's table.",
    )
    check: CheckFile | None = Field(
        default=None, description="How members are checked; without it they always count as UP."
    )
    quorum: QuorumFile = Field(default=QuorumFile(), description="When the pool is fit to serve.")


class ServiceFile(Strict):
    """One virtual service: protocol and port of a VIP, and who serves them."""

    protocol: Literal["tcp", "udp", "sctp"] = Field(description="Transport protocol.")
    port: Port = Field(description="Port that clients use.")
    pool: str = Field(description="Name of the pool that serves.")
    forwarding: Literal["dr", "tun", "nat"] = Field(
        default="dr",
        description="How packets reach a member. dr: to its MAC address, unchanged; tun: in an IP tunnel; "
        "nat: the destination is rewritten, and replies pass the director.",
    )
    scheduler: Scheduler = Field(
        default="mh",
        description="How a member is chosen. Only mh sends a flow to the same member from every director.",
    )
    flags: list[Flag] = Field(
        default=[],
        max_length=8,
        description="Scheduler flags: mh-port and mh-fallback with mh, sh-port and sh-fallback with sh, "
        "flag-1 to flag-3 by number, ops for one-packet scheduling of UDP.",
    )
    persistence: Annotated[float, duration(0, _MONTH, whole=1)] = Field(
        default=0.0, description="Time for which a client stays with its member, in whole seconds; 0s: none."
    )


class VipFile(Strict):
    """A virtual address and what it serves."""

    services: list[ServiceFile] = Field(
        min_length=1, max_length=4096, description="Services of this address, at most 4096."
    )
    announce_when: Literal["all", "any"] = Field(
        default="all", description="Announce the VIP while all of its services are fit, or any."
    )


class InventoryFile(Strict):
    """The whole inventory of one clusterlb cluster."""

    cluster: ClusterFile = Field(description="Name, prefixes and routing, the same for all directors.")
    directors: dict[str, DirectorFile] = Field(description="Directors by name: their host names, by default.")
    pools: dict[str, PoolFile] = Field(default={}, description="Pools by name.")
    vips: dict[str, VipFile] = Field(default={}, description="Virtual addresses, IPv4 or IPv6.")
