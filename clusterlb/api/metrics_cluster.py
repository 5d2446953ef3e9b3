"""What the link-state database and operators' wishes come to, as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

PREFIX = "clusterlb"


def cluster(status: dict[str, Any]) -> Iterator[Metric]:
    """Yield the families of one status object."""
    seen = status["cluster_view"]
    announcers = GaugeMetricFamily(
        f"{PREFIX}_vip_announcers", "Directors that are alive and announce a VIP", labels=["vip", "lane"]
    )
    for vip, rows in seen["announcements"].items():
        lanes = Counter(row["lane"] for row in rows if row["alive"])
        for lane in ("active", "standby", "drained"):
            announcers.add_metric([vip, lane], lanes[lane])
    yield announcers
    age = -1.0 if seen["age"] is None else seen["age"]
    yield GaugeMetricFamily(f"{PREFIX}_cluster_view_age_seconds", "Age of the last look, -1: none", value=age)
    findings = GaugeMetricFamily(f"{PREFIX}_cluster_findings", "What is wrong there", labels=["kind"])
    for kind, count in Counter(text.partition(":")[0] for text in seen["warnings"]).items():
        findings.add_metric([kind], count)
    yield findings
    wishes = GaugeMetricFamily(f"{PREFIX}_intents", "Operators' wishes that stand", labels=["kind"])
    counts = Counter(intent["kind"] for intent in status["intents"])
    for kind in ("drain", "pause", "pin"):
        wishes.add_metric([kind], counts[kind])
    yield wishes
