"""What the checks, the check engine and the director's own checks have to say, as metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from clusterlb.checks.stats import LAG_BUCKETS
from clusterlb.model.check import VerdictState
from clusterlb.model.status import EngineStatus, Status

PREFIX = "clusterlb"
VERDICTS = {VerdictState.UP: 1.0, VerdictState.DOWN: 0.0, VerdictState.UNKNOWN: -1.0}

_ENGINE = {
    "started": "Probes begun",
    "passed": "Probes that passed",
    "failed": "Probes that failed",
    "skipped": "Slots that the engine came too late for",
    "overlapped": "Slots that fell into a longer probe of the same target",
    "postponed": "Probes put off for want of descriptors or memory",
    "broken": "Probes ended by an error in the check itself",
    "stalls": "Times that the engine stood still",
    "dropped": "Observations that gave way to newer ones",
    "restarts": "Times that the engine was started again",
}


def checks(status: Status) -> Iterator[Metric]:
    """Yield the families of one status object."""
    yield from _engine(status.checks)
    yield from _pools(status)
    yield from _director(status)


def _engine(engine: EngineStatus) -> Iterator[Metric]:
    yield GaugeMetricFamily(f"{PREFIX}_check_engine_up", "1 when it has spoken", value=float(engine.alive))
    yield GaugeMetricFamily(f"{PREFIX}_check_probes", "Probes that are kept", value=engine.probes)
    yield GaugeMetricFamily(f"{PREFIX}_check_unprobed", "Probes that bring no results", value=engine.unprobed)
    for name, text in _ENGINE.items():
        yield CounterMetricFamily(f"{PREFIX}_check_{name}", text, value=getattr(engine, name))
    unsent = CounterMetricFamily(
        f"{PREFIX}_check_unsent", "Probes that the director could not send", labels=["reason"]
    )
    for reason, count in engine.unsent.items():
        unsent.add_metric([reason], count)
    yield unsent
    lag = HistogramMetricFamily(f"{PREFIX}_check_lag_seconds", "How late probes began")
    counts = engine.lag_buckets or (0,) * (len(LAG_BUCKETS) + 1)
    total, rows = 0, []
    for bound, count in zip((*map(str, LAG_BUCKETS), "+Inf"), counts, strict=True):
        total += count
        rows.append((bound, total))
    lag.add_metric([], rows, sum_value=None)
    yield lag


def _pools(status: Status) -> Iterator[Metric]:
    families = {
        name: GaugeMetricFamily(f"{PREFIX}_pool_{name}", text, labels=["pool"])
        for name, text in {
            "up": "Members UP, or their weight",
            "needs": "What has to be UP for the pool to be fit",
            "fit": "1 when the pool is fit",
            "sorry": "1 when the member of last resort serves",
            "panic": "1 when so few are UP that all are used",
        }.items()
    }
    for pool, standing in status.pools.items():
        for name, family in families.items():
            family.add_metric([pool], float(getattr(standing, name)))
    yield from families.values()


def _director(status: Status) -> Iterator[Metric]:
    filled = GaugeMetricFamily(f"{PREFIX}_table_filled_ratio", "How full a table is", labels=["table"])
    for table, share in status.filled.items():
        filled.add_metric([table], share / 100)
    yield filled
    up = GaugeMetricFamily(f"{PREFIX}_director_check_up", "1 UP, 0 DOWN, -1 UNKNOWN", labels=["check"])
    for name, check in status.director_checks.items():
        up.add_metric([name], VERDICTS[check.verdict])
    yield up
