"""The section ``cluster``: names, prefixes and OSPF, the same for all directors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, WrapValidator

from clusterlb.config import fields
from clusterlb.config.check_fields import Path
from clusterlb.config.fields import Area, Md5Key, Name, Percent, duration
from clusterlb.config.models.base import Strict
from clusterlb.config.models.director import Cost, Network
from clusterlb.config.models.director_checks import DirectorChecksFile
from clusterlb.model.ospf import Bfd, LaneCosts, Ospf

_OSPF = Ospf()
_BFD = Bfd(0.05, 3)
_COSTS = LaneCosts()
_LONGEST = 24 * 86400.0  # ip_vs_set_timeout() in ip_vs_ctl.c refuses more than INT_MAX / HZ seconds

_Mode = Literal["intra-area", "external"]
_MODE: TypeAdapter[Any] = TypeAdapter(_Mode)


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


class AnnounceFile(Strict):
    """How VIPs get into OSPF, by address family."""

    ipv4: _Mode = Field(default=_OSPF.announce.ipv4.value, description="How IPv4 VIPs get into OSPF.")
    ipv6: _Mode = Field(default=_OSPF.announce.ipv6.value, description="How IPv6 VIPs get into OSPF.")


def _word_or_mapping(value: object, _handler: object) -> AnnounceFile:
    """Validate one form only: a union reports errors of both, at paths that no file has."""
    if isinstance(value, dict):
        return AnnounceFile.model_validate(value)
    mode = _MODE.validate_python(value)
    return AnnounceFile(ipv4=mode, ipv6=mode)


class OspfFile(Strict):
    """How directors speak OSPF to the switch."""

    area: Area = Field(
        default=_OSPF.area, description="OSPF area of the lanes, and of uplinks that name no other."
    )
    area_type: Literal["normal", "nssa", "stub"] = Field(
        default=_OSPF.area_type.value,
        description="Type of the uplinks' areas, as on the switch. nssa carries external VIPs as type 7, "
        "stub none.",
    )
    announce: Annotated[_Mode | AnnounceFile, WrapValidator(_word_or_mapping)] = Field(
        default=_OSPF.announce.ipv4.value,
        validate_default=True,
        description="How VIPs get into OSPF. intra-area: as addresses on passive interfaces, the lanes; "
        "external: as kernel routes over the lanes, which FRR redistributes. By family: "
        "{ipv4: intra-area, ipv6: external}. The same on all directors: a switch prefers intra-area.",
    )
    network: Network = Field(
        default=_OSPF.network.value,
        description="OSPF network type of the uplinks: point-to-multipoint where several directors share a "
        "segment, point-to-point on a port of one's own; with broadcast the switch is the designated router.",
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
    key_chain: Name | None = Field(
        default=None,
        description="Name of a key chain in FRR, which the operator keeps, for HMAC-SHA on the uplinks; "
        "needs FRR 9.1 for IPv4. null: none.",
    )
    graceful_restart: Annotated[float, duration(1, 1800, whole=1)] | None = Field(
        default=None,
        description="Time for which neighbours keep the routes while ospfd restarts as planned, in whole "
        "seconds; null: they do not.",
    )
    default_originate: bool = Field(
        default=_OSPF.default_originate,
        description="Whether the directors that serve are the default route, so that outbound traffic for "
        "`snat_pools` finds them.",
    )


class TimeoutsFile(Strict):
    """How long IPVS keeps a connection without packets; for all services of a director."""

    tcp: Annotated[float, duration(0, _LONGEST, whole=1)] = Field(
        default=0.0, description="An established TCP connection's, in whole seconds; 0s: the kernel's."
    )
    tcp_fin: Annotated[float, duration(0, _LONGEST, whole=1)] = Field(
        default=0.0, description="A TCP connection's after a FIN, in whole seconds; 0s: the kernel's."
    )
    udp: Annotated[float, duration(0, _LONGEST, whole=1)] = Field(
        default=0.0, description="A UDP flow's, in whole seconds; 0s: the kernel's."
    )


class PeersFile(Strict):
    """The peer channel: the directors' controllers tell each other of flows and tables, over mutual TLS."""

    port: int = Field(default=7480, ge=1, le=65535, description="TCP port on which each controller listens.")
    authority: Path = Field(
        default="/etc/clusterlb/peers/authority.pem",
        description="Certificate of the authority that signs for the directors of this cluster and nobody "
        "else, in PEM.",
    )
    certificate: Path = Field(
        default="/etc/clusterlb/peers/{director}.pem",
        description="A director's certificate, with the director's name as DNS name, in PEM; {director} "
        "stands for the name.",
    )
    key: Path = Field(
        default="/etc/clusterlb/peers/{director}.key",
        description="The key of that certificate, in PEM; {director} stands for the director's name.",
    )


class ClusterFile(Strict):
    """What all directors share."""

    name: Name = Field(description="Name of the cluster, in logs and metrics.")
    vip_prefixes: list[fields.Network] = Field(
        min_length=1,
        max_length=256,
        description="Prefixes that hold every VIP and SNAT address, at most 256; nothing else is ever "
        "announced.",
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
    min_announcers: int = Field(
        default=1,
        ge=0,
        le=256,
        description="How many other directors must announce a VIP for a drain to take it from one.",
    )
    max_drained: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None,
        description="How many directors may be out at once, drained or gone, for another to be drained; "
        "null: no limit.",
    )
    preempt: bool = Field(
        default=False,
        description="With more directors than `max_active`: one that comes back takes its place again.",
    )
    max_removed: Percent = Field(
        default=50,
        description="How much of the VIPs, services or members a changed inventory may remove without "
        "`clusterlb reload --yes`; 100%: all.",
    )
    timeouts: TimeoutsFile = Field(default=TimeoutsFile(), description="IPVS's connection timeouts.")
    flow_memory: Annotated[float, duration(0, 604800)] = Field(
        default=0.0,
        description="How long a flow may be silent and keep its member on a director although the pool has "
        "changed, with mh; 0s: as long as IPVS keeps its entry.",
    )
    peers: PeersFile | None = Field(
        default=None,
        description="How controllers speak with each other; null: they do not. {} takes the defaults. Each "
        "director needs `peer_address` or `inside`.",
    )
    notrack: bool = Field(
        default=False,
        description="Whether packets to VIPs skip connection tracking where no service needs it.",
    )
    log_connections: bool = Field(
        default=False,
        description="Whether each connection under fullnat is logged: the client, and the local address and "
        "port that stand for it.",
    )
