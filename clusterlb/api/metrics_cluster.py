"""What the link-state database and operators' intents come to, as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from clusterlb.model.intent import IntentKind
from clusterlb.model.ospf import Lane
from clusterlb.model.status import Status

PREFIX = "clusterlb"


def cluster(status: Status) -> Iterator[Metric]:
    """Yield the families of one status object."""
    seen = status.cluster_view
    announcers = GaugeMetricFamily(
        f"{PREFIX}_vip_announcers", "Directors that are alive and announce a VIP", labels=["vip", "lane"]
    )
    for vip, rows in seen.announcements.items():
        lanes = Counter(row.lane for row in rows if row.alive)
        for lane in Lane:
            announcers.add_metric([str(vip), lane.value], lanes[lane])
    yield announcers
    age = -1.0 if seen.age is None else seen.age
    yield GaugeMetricFamily(f"{PREFIX}_cluster_view_age_seconds", "Age of the last look, -1: none", value=age)
    findings = GaugeMetricFamily(f"{PREFIX}_cluster_findings", "Findings, by kind", labels=["kind"])
    for kind, count in Counter(finding.kind.value for finding in seen.warnings).items():
        findings.add_metric([kind], count)
    yield findings
    intents = GaugeMetricFamily(f"{PREFIX}_intents", "Operators' intents that stand", labels=["kind"])
    counts = Counter(intent.kind for intent in status.intents)
    for each in IntentKind:
        intents.add_metric([each.value], counts[each])
    yield intents
