"""IPVS's counters of services and members, and the verdicts of members, as metrics.

Each service and each of its members has its series once, although the VIPs of a group share them: of two
series with the same labels in one answer, Prometheus drops one and logs an error.

The counters are the kernel's (IPVS_STATS_ATTR_*, include/uapi/linux/ip_vs.h), as ``ipvsadm --stats`` prints
them. Replies pass a director only with ``nat`` and ``fullnat``, so members with other methods have no series
for replies. Members without persistence have no series for persistence templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from clusterlb.api.metric_families import VERDICTS, family
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.status import CountersStatus, MemberStatus, ServiceStatus, Status

Row = TypeVar("Row", bound=CountersStatus)
_Kind = type[GaugeMetricFamily | CounterMetricFamily]
_Families = tuple[tuple[str, str, _Kind, Callable[[Row], float | None]], ...]

_BACK = {Forwarding.NAT, Forwarding.FULLNAT}


def services(status: Status) -> Iterator[Metric]:
    """Yield the families of one status object one by one, so that only one's samples are in memory."""
    found = {service.service: service for vip in status.vips for service in vip.services}
    yield from _families("service", ["service"], SERVICE, [([name], each) for name, each in found.items()])
    rows = [
        ([service.service, str(member.member)], member)
        for service in found.values()
        for member in service.members
    ]
    yield from _families("member", ["service", "member"], MEMBER, rows)
    lasting = {name for name, service in found.items() if service.persistence}
    yield from _families(
        "member", ["service", "member"], PERSISTENT, [row for row in rows if row[0][0] in lasting]
    )


def _families(
    of: str, labels: list[str], families: _Families[Row], rows: list[tuple[list[str], Row]]
) -> Iterator[Metric]:
    for name, text, kind, value in families:
        samples = ((names, number) for names, row in rows if (number := value(row)) is not None)
        yield family(f"{of}_{name}", text, labels, samples, kind)


def _number(field: str) -> Callable[[Row], float | None]:
    """Return a function that reads a counter; its value is None while IPVS does not answer."""
    return lambda row: getattr(row, field)


def _flag(field: str) -> Callable[[Row], float]:
    return lambda row: float(bool(getattr(row, field)))


def _back(field: str) -> Callable[[MemberStatus], float | None]:
    """Return a function that reads a counter of replies; None for a member whose replies bypass directors."""
    return lambda row: getattr(row, field) if row.forwarding in _BACK else None


def _any_back(field: str) -> Callable[[ServiceStatus], float | None]:
    """Return a function that reads a service's counter of replies; None if all replies bypass directors."""
    return lambda row: (
        getattr(row, field) if any(member.forwarding in _BACK for member in row.members) else None
    )


def _counters(back: Callable[[str], Callable[[Row], float | None]]) -> _Families[Row]:
    return (
        ("connections", "Connections", CounterMetricFamily, _number("connections")),
        ("in_packets", "Packets from clients", CounterMetricFamily, _number("in_packets")),
        ("in_bytes", "Bytes from clients", CounterMetricFamily, _number("in_bytes")),
        ("out_packets", "Packets to clients", CounterMetricFamily, back("out_packets")),
        ("out_bytes", "Bytes to clients", CounterMetricFamily, back("out_bytes")),
    )


def _table(row: ServiceStatus) -> float | None:
    """Return the digest of a service's table as a number: a label would make a new series of each change."""
    return float(int(row.table, 16)) if row.table else None


SERVICE: _Families[ServiceStatus] = (
    *_counters(_any_back),
    ("anchored", "Flows that an anchor keeps on their member", GaugeMetricFamily, _number("anchored")),
    ("flows", "Live flows at the last count", GaugeMetricFamily, _number("flows")),
    (
        "strays",
        "Flows on another member than the table picks, at the last count",
        GaugeMetricFamily,
        _number("strays"),
    ),
    (
        "table",
        "What decides where its flows go; equal where directors place alike",
        GaugeMetricFamily,
        _table,
    ),
)
MEMBER: _Families[MemberStatus] = (
    (
        "up",
        "1 UP, 0 DOWN, -1 UNKNOWN",
        GaugeMetricFamily,
        lambda member: VERDICTS[member.verdict],
    ),
    ("weight", "Weight in the kernel", GaugeMetricFamily, lambda member: float(member.weight or 0)),
    ("active", "Active connections", GaugeMetricFamily, _number("active")),
    ("inactive", "Inactive connections", GaugeMetricFamily, _number("inactive")),
    *_counters(_back),
    ("pinned", "1 when an operator has pinned the verdict", GaugeMetricFamily, _flag("pinned")),
    (
        "suspect",
        "1 when the member takes connections and establishes none",
        GaugeMetricFamily,
        _flag("suspect"),
    ),
    ("warning", "1 when a check that passes warns", GaugeMetricFamily, _flag("warning")),
)
PERSISTENT: _Families[MemberStatus] = (
    (
        "persistent",
        "Clients that persistence keeps with a member",
        GaugeMetricFamily,
        _number("persistent"),
    ),
)
