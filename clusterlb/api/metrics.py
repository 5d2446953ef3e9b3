"""The status object as Prometheus metrics, made at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clusterlb.api.metrics_checks import PREFIX, checks
from clusterlb.api.metrics_cluster import cluster
from clusterlb.api.metrics_ports import ports
from clusterlb.api.metrics_services import services
from clusterlb.api.metrics_vrrp import vrrp
from clusterlb.controller.judgement import broken
from clusterlb.controller.status import COUNTS
from clusterlb.model.status import FrrStatus, Status


class StatusCollector(Collector):
    """Turns one status object into metric families."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        status = self._status
        yield _gauge("director_fit", "1 when the director passes its own checks", float(status.fit))
        stale = bool(status.inventory.rejected)
        yield _gauge("inventory_stale", "1 when the inventory on disk is rejected", float(stale))
        yield _gauge("frr_answers", "1 when FRR answers", float(status.frr.answers))
        yield _gauge("ipvs_answers", "1 when IPVS answers", float(status.ipvs.answers))
        yield _neighbors(status.frr)
        yield _gauge("healthy", "1 when nothing keeps the director from its work", float(not broken(status)))
        for name, text in COUNTS.items():
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, value=status.counts[name])
        yield from _uplinks(status)
        yield from _vips(status)
        yield from services(status)
        yield from checks(status)
        yield from cluster(status)
        yield from ports(status)
        yield from vrrp(status)


def exposition(status: Status) -> bytes:
    """Return a status object in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status))
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _neighbors(frr: FrrStatus) -> Metric:
    text = "Adjacencies that carry routes, by protocol"
    family = GaugeMetricFamily(f"{PREFIX}_ospf_neighbors_full", text, labels=["protocol"])
    for protocol in frr.full:
        full = sum(n.full for n in frr.neighbors if n.protocol is protocol)
        family.add_metric([protocol.value], full)
    return family


def _uplinks(status: Status) -> Iterator[Metric]:
    carrier = GaugeMetricFamily(f"{PREFIX}_uplink_carrier", "1 with carrier", labels=["uplink"])
    for name, up in status.uplinks.items():
        carrier.add_metric([name], float(up))
    yield carrier


def _vips(status: Status) -> Iterator[Metric]:
    announced = GaugeMetricFamily(f"{PREFIX}_vip_announced", "1 on a lane", labels=["vip", "lane", "reason"])
    for vip in status.vips:
        lane = ",".join(lane.value for lane in vip.announced) or "none"
        reason = vip.reason.value if vip.reason else ""
        announced.add_metric([str(vip.vip), lane, reason], float(bool(vip.announced)))
    yield announced
