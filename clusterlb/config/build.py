"""Validated items -> the model's dataclasses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from clusterlb.config.build_check import check
from clusterlb.config.models.check import CheckFile
from clusterlb.config.models.cluster import AnnounceFile, ClusterFile, OspfFile
from clusterlb.config.models.director import DirectorFile, UplinkFile
from clusterlb.config.models.director_checks import DirectorChecksFile
from clusterlb.config.models.maintenance import WindowFile
from clusterlb.config.models.pool import MemberFile, PoolFile, QuorumFile, SorryFile
from clusterlb.config.models.vip import HaFile, ServiceFile, VipFile, VrrpFile
from clusterlb.model.address import IPAddress
from clusterlb.model.check import CheckSpec, Need
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import (
    ActiveStandby,
    AnnounceWhen,
    Cluster,
    Director,
    DirectorChecks,
    DirectorProbe,
    Endpoint,
    Member,
    OnDown,
    Pool,
    Quorum,
    QuorumOf,
    Service,
    Sorry,
    Vip,
    Vrrp,
    Window,
)
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import (
    AnnounceMode,
    AnnounceModes,
    AreaType,
    Bfd,
    LaneCosts,
    NetworkType,
    Ospf,
    Uplink,
)

_LOOPBACK = IPv4Address("127.0.0.1")  # the director itself


def cluster(file: ClusterFile) -> Cluster:
    """Return the cluster that a file describes."""
    return Cluster(
        name=file.name,
        vip_prefixes=tuple(file.vip_prefixes),
        max_active=file.max_active,
        ospf=_ospf(file.ospf),
        director_checks=_director_checks(file.director_checks),
        min_announcers=file.min_announcers,
        max_drained=file.max_drained,
        preempt=file.preempt,
    )


def director(name: str, file: DirectorFile) -> Director:
    """Return one director."""
    return Director(name, file.router_id, tuple(map(_uplink, file.uplinks)))


def pool(name: str, file: PoolFile) -> Pool:
    """Return one pool."""
    return Pool(
        name=name,
        members=tuple(map(_member, file.members)),
        checks=_checks(file) or (),
        need=Need(file.need),
        quorum=_quorum(file.quorum),
        on_down=OnDown(file.on_down),
        slow_start=file.slow_start,
        panic=file.panic,
        suspect=file.suspect,
        sorry=None if file.sorry is None else _sorry(file.sorry),
    )


def vip(address: IPAddress, file: VipFile) -> Vip:
    """Return one VIP."""
    services = tuple(map(_service, file.services))
    ha = None if file.ha is None else _ha(file.ha)
    if isinstance(file.announce_when, str):
        return Vip(address, services, AnnounceWhen(file.announce_when), ha=ha)
    return Vip(address, services, AnnounceWhen.LISTED, frozenset(file.announce_when), ha)


def window(file: WindowFile) -> Window:
    """Return one maintenance window."""
    return Window(
        name=file.name,
        directors=tuple(file.directors),
        reason=file.reason,
        cron=file.cron,
        at=file.at,
        duration=file.length,
        zone=file.time_zone,
        deadline=file.deadline,
    )


def _ha(file: HaFile) -> ActiveStandby | Vrrp:
    order = tuple(file.order)
    if isinstance(file, VrrpFile):
        return Vrrp(order, file.vrid, tuple(file.interfaces), file.interval, file.preempt)
    return ActiveStandby(order, file.preempt)


def _member(file: MemberFile) -> Member:
    return Member(file.address, file.port, file.weight, _checks(file))


def _checks(file: PoolFile | MemberFile) -> tuple[CheckSpec, ...] | None:
    """Return what is written under ``check`` or ``checks``; None where neither is."""
    if not file.model_fields_set & {"check", "checks"}:
        return None
    return tuple(map(check, file.checks or ([] if file.check is None else [file.check])))


def _quorum(file: QuorumFile) -> Quorum:
    return Quorum(file.up, file.down, QuorumOf(file.of))


def _sorry(file: SorryFile) -> Sorry:
    return Sorry(file.address, file.port, Forwarding(file.forwarding) if file.forwarding else None)


def _director_checks(file: DirectorChecksFile) -> DirectorChecks:
    return DirectorChecks(
        carrier=file.carrier,
        ospf_full=file.ospf_full,
        bfd=file.bfd,
        conntrack=file.conntrack,
        connections=file.connections,
        descriptors=file.descriptors,
        probes=tuple(_director_probe(name, probe) for name, probe in file.probes.items()),
    )


def _director_probe(name: str, file: CheckFile) -> DirectorProbe:
    """Return a check of a director's own: its port belongs to the target, and is no override."""
    address: IPAddress = getattr(file, "address", None) or _LOOPBACK
    return DirectorProbe(name, replace(check(file), port=None), Endpoint(address, file.port or 0))


def _uplink(file: UplinkFile) -> Uplink:
    network = None if file.network is None else NetworkType(file.network)
    return Uplink(file.name, network, file.area, file.cost)


def _ospf(file: OspfFile) -> Ospf:
    announce = file.announce
    assert isinstance(announce, AnnounceFile)  # noqa: S101 - its validator makes one of either form
    return Ospf(
        area=file.area,
        area_type=AreaType(file.area_type),
        announce=AnnounceModes(AnnounceMode(announce.ipv4), AnnounceMode(announce.ipv6)),
        network=NetworkType(file.network),
        hello=file.hello,
        dead=file.dead,
        bfd=None if file.bfd is None else Bfd(file.bfd.interval, file.bfd.multiplier),
        pace=file.pace,
        retransmit=file.retransmit,
        costs=LaneCosts(file.costs.active, file.costs.standby, file.costs.drained),
        md5_key=file.md5_key,
        md5_key_id=file.md5_key_id,
        key_chain=file.key_chain,
        graceful_restart=file.graceful_restart,
    )


def _service(file: ServiceFile) -> Service:
    return Service(
        protocol=Protocol[file.protocol.upper()],
        port=file.port,
        pool=file.pool,
        forwarding=Forwarding(file.forwarding),
        scheduler=file.scheduler,
        flags=frozenset(file.flags),
        persistence=file.persistence,
    )
