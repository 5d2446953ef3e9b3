"""The status object as Prometheus metrics, made at each scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from clusterlb.api.metric_families import counter, family, gauge
from clusterlb.api.metrics_checks import checks
from clusterlb.api.metrics_services import services
from clusterlb.controller.judgement import broken
from clusterlb.controller.status import COUNTS
from clusterlb.model.intent import IntentKind
from clusterlb.model.ospf import Lane
from clusterlb.model.peer import PeerState
from clusterlb.model.status import FrrStatus, Status, VipStatus
from clusterlb.model.vrrp import VrrpState

_ADDRESS = {
    "used": ("address_ports_used", "Ports in use to the remote that has the most"),
    "capacity": ("address_ports_capacity", "Ports available to one remote"),
    "connections": ("address_connections", "Connections with this translated source, to all remotes"),
}
_CONNTRACK = {
    "insert_failed": "Connections dropped because another one had their addresses and ports",
    "drop": "Packets that connection tracking dropped",
    "early_drop": "Connections forgotten to make room in a full table",
}


class StatusCollector(Collector):
    """Turns one status object into metric families."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        status = self._status
        yield gauge("director_fit", "1 when the director passes its own checks", float(status.fit))
        stale = bool(status.inventory.rejected)
        yield gauge("inventory_stale", "1 when the inventory on disk is rejected", float(stale))
        yield gauge("frr_answers", "1 when FRR answers", float(status.frr.answers))
        yield gauge("ipvs_answers", "1 when IPVS answers", float(status.ipvs.answers))
        yield _neighbors(status.frr)
        yield gauge("healthy", "1 when nothing keeps the director from its work", float(not broken(status)))
        for name, text in COUNTS.items():
            yield counter(name, text, status.counts[name])
        carrier = (([name], float(up)) for name, up in status.uplinks.items())
        yield family("uplink_carrier", "1 with carrier", ["uplink"], carrier)
        announced = map(_announced, status.vips)
        yield family("vip_announced", "1 on a lane", ["vip", "lane", "reason"], announced)
        yield from services(status)
        yield from checks(status)
        yield from _cluster(status)
        yield from ports(status)
        yield from _vrrp(status)
        yield from _peers(status)


def exposition(status: Status) -> bytes:
    """Return a status object in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status))
    return generate_latest(registry)


def _neighbors(frr: FrrStatus) -> Metric:
    full = Counter(neighbor.protocol for neighbor in frr.neighbors if neighbor.full)
    samples = (([protocol.value], full[protocol]) for protocol in frr.full)
    text = "Adjacencies that carry routes, by protocol"
    return family("ospf_neighbors_full", text, ["protocol"], samples)


def _announced(vip: VipStatus) -> tuple[list[str], float]:
    lanes = ",".join(lane.value for lane in vip.announced) or "none"
    return [str(vip.vip), lanes, vip.reason.value if vip.reason else ""], float(bool(vip.announced))


def _cluster(status: Status) -> Iterator[Metric]:
    """Yield what the link-state database says of all directors, and the operators' intents."""
    view = status.cluster_view
    alive = {vip: Counter(row.lane for row in rows if row.alive) for vip, rows in view.announcements.items()}
    announcers = (([str(vip), lane.value], lanes[lane]) for vip, lanes in alive.items() for lane in Lane)
    text = "Directors that are alive and announce a VIP"
    yield family("vip_announcers", text, ["vip", "lane"], announcers)
    age = -1.0 if view.age is None else view.age
    yield gauge("cluster_view_age_seconds", "Age of the last reading of the database, -1: none", age)
    warnings = Counter(finding.kind.value for finding in view.warnings)
    findings = (([kind], count) for kind, count in warnings.items())
    yield family("cluster_findings", "Findings, by kind", ["kind"], findings)
    counts = Counter(intent.kind for intent in status.intents)
    intents = (([kind.value], counts[kind]) for kind in IntentKind)
    yield family("intents", "Operators' intents in force or planned", ["kind"], intents)


def ports(status: Status) -> Iterator[Metric]:
    """Yield the use of the ports of local and SNAT addresses, without what could not be read."""
    use = status.ports
    for field, (name, text) in _ADDRESS.items():
        rows = (([str(ip), each.kind.value], getattr(each, field)) for ip, each in use.addresses.items())
        yield family(name, text, ["address", "kind"], rows)
    for field, text in _CONNTRACK.items() if use.conntrack else ():
        yield counter(f"conntrack_{field}", text, getattr(use.conntrack, field))


def _vrrp(status: Status) -> Iterator[Metric]:
    """Yield VRRP's elections; over all directors, ``vrrp_master`` of a VIP adds up to 1."""
    routers = [vip for vip in status.vips if vip.vrrp is not None]
    master = (([str(vip.vip)], float(vip.vrrp is VrrpState.MASTER)) for vip in routers)
    yield family("vrrp_master", "1 when VRRP has elected this director", ["vip"], master)
    double = (([str(vip.vip)], float(vip.vip in status.two_masters)) for vip in routers)
    yield family("vrrp_two_masters", "1 when another director may be master, too", ["vip"], double)


def _peers(status: Status) -> Iterator[Metric]:
    """Yield how the peer channel is."""
    heard = (([each.peer], float(each.state is PeerState.CONNECTED)) for each in status.peers)
    yield family("peer_heard", "1 when the peer tells this director what it sees", ["peer"], heard)
    told = (([each.peer], float(each.reads and not each.behind)) for each in status.peers)
    yield family("peer_told", "1 when the peer knows all that this director has to tell", ["peer"], told)
    text = "Services whose table most directors have otherwise"
    yield gauge("odd_tables", text, float(len(status.odd_tables)))
