"""Validated items -> the model's dataclasses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from clusterlb.config.build_check import check
from clusterlb.config.models.check import CheckFile
from clusterlb.config.models.cluster import AnnounceFile, ClusterFile, OspfFile
from clusterlb.config.models.director import DirectorFile, UplinkFile
from clusterlb.config.models.director_checks import DirectorChecksFile
from clusterlb.config.models.forwarding import GreFile, GueFile, TunnelFile
from clusterlb.config.models.maintenance import WindowFile
from clusterlb.config.models.pool import FlowsOnDownFile, MemberFile, PoolFile
from clusterlb.config.models.snat import SnatPoolFile
from clusterlb.config.models.vip import HaFile, ServiceFile, VipFile, VrrpFile
from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.check import CheckSpec, Need
from clusterlb.model.director_checks import DirectorChecks, DirectorProbe
from clusterlb.model.forwarding import Forwarding, Tunnel
from clusterlb.model.inventory import (
    USUAL_FLAGS,
    ActiveStandby,
    AnnounceWhen,
    Cluster,
    Director,
    Member,
    OnDown,
    PeerChannel,
    Pool,
    Quorum,
    QuorumOf,
    Service,
    Sorry,
    Vip,
    Vrrp,
    Window,
)
from clusterlb.model.ipvs import Protocol, ProtocolTimeouts, TunnelFlag, TunnelType
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
from clusterlb.model.snat import SnatPool

_LOOPBACK = IPv4Address("127.0.0.1")  # the director itself
_CHECKSUM = {"none": TunnelFlag.NOCSUM, "full": TunnelFlag.CSUM, "remote": TunnelFlag.REMCSUM}


def cluster(file: ClusterFile) -> Cluster:
    """Return the cluster that a file describes."""
    timeouts = file.timeouts
    return Cluster(
        name=file.name,
        vip_prefixes=tuple(file.vip_prefixes),
        max_active=file.max_active,
        ospf=_ospf(file.ospf),
        director_checks=_director_checks(file.director_checks),
        min_announcers=file.min_announcers,
        max_drained=file.max_drained,
        preempt=file.preempt,
        max_removed=file.max_removed,
        timeouts=ProtocolTimeouts(int(timeouts.tcp), int(timeouts.tcp_fin), int(timeouts.udp)),
        flow_memory=file.flow_memory,
        peers=None if file.peers is None else PeerChannel(**file.peers.model_dump()),
        notrack=file.notrack,
        log_connections=file.log_connections,
    )


def director(name: str, file: DirectorFile) -> Director:
    """Return one director."""
    return Director(
        name,
        file.router_id,
        tuple(map(_uplink, file.uplinks)),
        inside=tuple(file.inside),
        local_addresses=tuple(file.local_addresses),
        peer_address=file.peer_address,
    )


def pool(name: str, file: PoolFile) -> Pool:
    """Return one pool."""
    sorry = file.sorry
    return Pool(
        name=name,
        members=tuple(map(_member, file.members)),
        checks=_checks(file) or (),
        need=Need(file.need),
        quorum=Quorum(file.quorum.up, file.quorum.down, QuorumOf(file.quorum.of)),
        on_down=OnDown(file.on_down),
        ends_flows=_ends_flows(file.flows_on_down),
        slow_start=file.slow_start,
        panic=file.panic,
        suspect=file.suspect,
        sorry=Sorry(sorry.address, sorry.port, _method(sorry.forwarding)) if sorry else None,
    )


def _ends_flows(file: FlowsOnDownFile) -> frozenset[Protocol]:
    words = {Protocol.UDP: file.udp, Protocol.TCP: file.tcp, Protocol.SCTP: file.sctp}
    return frozenset(protocol for protocol, word in words.items() if word != "keep")


def vip(address: IPAddress, file: VipFile) -> Vip:
    """Return one VIP with its group; firewall marks are set later."""
    when, listed = (
        (AnnounceWhen(file.announce_when), [])
        if isinstance(file.announce_when, str)
        else (AnnounceWhen.LISTED, file.announce_when)
    )
    return Vip(
        address,
        tuple(map(_service, file.services)),
        when,
        frozenset(listed),
        None if file.ha is None else _ha(file.ha),
        group=(address, *file.group) if file.group else (),
    )


def _service(file: ServiceFile) -> Service:
    """Return one service; a firewall mark of clusterlb's own is set later."""
    return Service(
        protocol=Protocol[file.protocol.upper()],
        port=file.port or 0,
        pool=file.pool,
        forwarding=Forwarding(file.forwarding),
        scheduler=file.scheduler,
        flags=USUAL_FLAGS.get(file.scheduler, frozenset()) if file.flags is None else frozenset(file.flags),
        persistence=file.persistence,
        netmask=file.netmask,
        tunnel=_tunnel(file.tunnel),
        ports=tuple(sorted(file.ports or ())),
        fwmark=file.fwmark or 0,
    )


def _tunnel(file: TunnelFile) -> Tunnel:
    """Return one encapsulation."""
    return Tunnel(
        TunnelType[file.type.upper()],
        file.port if isinstance(file, GueFile) else 0,
        _CHECKSUM[file.checksum] if isinstance(file, GueFile | GreFile) else TunnelFlag.NOCSUM,
    )


def _method(name: str | None) -> Forwarding | None:
    """Return a forwarding method; None: as the service says."""
    return None if name is None else Forwarding(name)


def snat_pool(name: str, file: SnatPoolFile) -> SnatPool:
    """Return one SNAT pool."""
    return SnatPool(
        name=name,
        sources=tuple(file.sources),
        addresses={director: tuple(addresses) for director, addresses in file.addresses.items()},
        destinations=tuple(file.destinations),
        fwmark=file.fwmark or 0,
    )


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
    return Member(
        file.address,
        file.port,
        file.weight,
        _checks(file),
        forwarding=_method(file.forwarding),
        tunnel=None if file.tunnel is None else _tunnel(file.tunnel),
        upper=file.upper_threshold,
        lower=file.lower_threshold,
    )


def _checks(file: PoolFile | MemberFile) -> tuple[CheckSpec, ...] | None:
    """Return the checks under ``check`` or ``checks``; None without either key."""
    if not file.model_fields_set & {"check", "checks"}:
        return None
    return tuple(map(check, file.checks or ([] if file.check is None else [file.check])))


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
    """Return a director check: its address and port are the target, so they override no member's."""
    target = Endpoint(file.address or _LOOPBACK, file.port or 0)
    return DirectorProbe(name, replace(check(file), port=None, address=None), target)


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
        default_originate=file.default_originate,
    )
