"""Validated items -> the model's dataclasses."""

from __future__ import annotations

from clusterlb.config.models import (
    CheckFile,
    ClusterFile,
    DirectorFile,
    OspfFile,
    PoolFile,
    ServiceFile,
    VipFile,
)
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import (
    AnnounceMode,
    AnnounceWhen,
    Bfd,
    CheckSpec,
    CheckType,
    Cluster,
    Director,
    Forwarding,
    LaneCosts,
    Member,
    Ospf,
    Pool,
    Quorum,
    Service,
    Vip,
)
from clusterlb.model.ipvs import Protocol


def cluster(file: ClusterFile) -> Cluster:
    """Return the cluster that a file describes."""
    return Cluster(file.name, tuple(file.vip_prefixes), file.max_active, _ospf(file.ospf))


def director(name: str, file: DirectorFile) -> Director:
    """Return one director."""
    return Director(name, file.router_id, tuple(file.uplinks))


def pool(name: str, file: PoolFile) -> Pool:
    """Return one pool."""
    members = tuple(Member(member.address, member.port, member.weight) for member in file.members)
    check = None if file.check is None else _check(file.check)
    return Pool(name, members, check, Quorum(file.quorum.up, file.quorum.down))


def vip(address: IPAddress, file: VipFile) -> Vip:
    """Return one VIP."""
    return Vip(address, tuple(map(_service, file.services)), AnnounceWhen(file.announce_when))


def _ospf(file: OspfFile) -> Ospf:
    return Ospf(
        area=file.area,
        announce=AnnounceMode(file.announce),
        hello=file.hello,
        dead=file.dead,
        bfd=None if file.bfd is None else Bfd(file.bfd.interval, file.bfd.multiplier),
        pace=file.pace,
        retransmit=file.retransmit,
        costs=LaneCosts(file.costs.active, file.costs.standby, file.costs.drained),
        md5_key=file.md5_key,
        md5_key_id=file.md5_key_id,
    )


def _check(file: CheckFile) -> CheckSpec:
    return CheckSpec(CheckType(file.type), file.interval, file.timeout, file.rise, file.fall)


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
