"""The status object as Prometheus metrics, made at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clusterlb.api.metrics_checks import PREFIX, checks
from clusterlb.api.metrics_cluster import cluster
from clusterlb.api.metrics_ports import ports
from clusterlb.api.metrics_vrrp import vrrp
from clusterlb.controller.status import COUNTS


class StatusCollector(Collector):
    """Turns one status object into metric families."""

    def __init__(self, status: dict[str, Any]) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        """Yield every family."""
        status = self._status
        yield _gauge("director_fit", "1 when the director passes its own checks", float(status["fit"]))
        stale = bool(status["inventory"]["rejected"])
        yield _gauge("inventory_stale", "1 when the inventory on disk is rejected", float(stale))
        yield _gauge("frr_answers", "1 when FRR answers", float(status["frr"]["answers"]))
        yield _gauge("ipvs_answers", "1 when IPVS answers", float(status["ipvs"]["answers"]))
        full = sum(n["state"].startswith("Full") for n in status["frr"]["neighbors"])
        yield _gauge("ospf_neighbors_full", "OSPF adjacencies that carry routes", full)
        for name, text in COUNTS.items():
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, value=status["counts"][name])
        yield from _uplinks(status)
        yield from _vips(status)
        yield from _members(status)
        yield from checks(status)
        yield from cluster(status)
        yield from ports(status)
        yield from vrrp(status)


def exposition(status: dict[str, Any]) -> bytes:
    """Return a status object in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(status))
    return generate_latest(registry)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _uplinks(status: dict[str, Any]) -> Iterator[Metric]:
    carrier = GaugeMetricFamily(f"{PREFIX}_uplink_carrier", "1 with carrier", labels=["uplink"])
    for name, up in status["uplinks"].items():
        carrier.add_metric([name], float(up))
    yield carrier


def _vips(status: dict[str, Any]) -> Iterator[Metric]:
    announced = GaugeMetricFamily(f"{PREFIX}_vip_announced", "1 on a lane", labels=["vip", "lane", "reason"])
    for vip in status["vips"]:
        lane = ",".join(vip["announced"]) or "none"
        announced.add_metric([vip["vip"], lane, vip["reason"]], float(bool(vip["announced"])))
    yield announced


def _members(status: dict[str, Any]) -> Iterator[Metric]:
    """Yield the members' families one by one: many samples at once are work for Python's collector."""
    services = {service["service"]: service for vip in status["vips"] for service in vip["services"]}
    rows = [  # each service once: the VIPs of a group share theirs
        ([service["service"], member["member"]], member)
        for service in services.values()
        for member in service["members"]
    ]
    labels = ["service", "member"]
    for name, text, kind, value in MEMBER:
        family = kind(f"{PREFIX}_member_{name}", text, labels=labels)
        for names, member in rows:
            number = value(member)
            if number is not None:
                family.add_metric(names, number)
        yield family


def _number(field: str) -> Callable[[dict[str, Any]], float | None]:
    """Return what reads a counter; it has no value while IPVS does not answer, for then nobody knows."""
    return lambda member: None if member[field] is None else float(member[field])


_Kind = type[GaugeMetricFamily | CounterMetricFamily]
MEMBER: tuple[tuple[str, str, _Kind, Callable[[dict[str, Any]], float | None]], ...] = (
    (
        "up",
        "1 UP, 0 DOWN, -1 UNKNOWN",
        GaugeMetricFamily,
        lambda member: {"up": 1.0, "down": 0.0}.get(member["verdict"], -1.0),
    ),
    ("weight", "Weight in the kernel", GaugeMetricFamily, lambda member: float(member["weight"] or 0)),
    ("active", "Active connections", GaugeMetricFamily, _number("active")),
    ("inactive", "Inactive connections", GaugeMetricFamily, _number("inactive")),
    ("connections", "Connections", CounterMetricFamily, _number("connections")),
    ("in_bytes", "Bytes from clients", CounterMetricFamily, _number("in_bytes")),
)
