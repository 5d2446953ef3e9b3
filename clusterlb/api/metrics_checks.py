"""The checks, the check engine and the director's own checks, as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from clusterlb.api.metric_families import PREFIX, VERDICTS, counter, family, gauge
from clusterlb.checks.stats import LAG_BUCKETS
from clusterlb.model.status import EngineStatus, Status

_ENGINE = {
    "started": "Probes begun",
    "passed": "Probes that passed",
    "failed": "Probes that failed",
    "skipped": "Probes left out because the engine was late",
    "overlapped": "Probes left out because the last probe of the same target still ran",
    "postponed": "Probes postponed for lack of descriptors or memory",
    "broken": "Probes ended by an error in the check itself",
    "stalls": "Times that the engine did not run for a while",
    "dropped": "Observations replaced by newer ones before the controller read them",
    "restarts": "Times that the engine was restarted",
}
_POOL = {
    "up": "Members UP, or their weight",
    "needs": "Members, or weight, that must be UP for the pool to be fit",
    "fit": "1 when the pool is fit",
    "sorry": "1 when the sorry server serves",
    "panic": "1 when so few members are UP that all are used",
}


def checks(status: Status) -> Iterator[Metric]:
    """Yield the families of one status object."""
    yield from _engine(status.checks)
    for name, text in _POOL.items():
        pools = (([pool], float(getattr(state, name))) for pool, state in status.pools.items())
        yield family(f"pool_{name}", text, ["pool"], pools)
    filled = (([table], share / 100) for table, share in status.filled.items())
    yield family("table_filled_ratio", "How full a table is", ["table"], filled)
    up = (([name], VERDICTS[check.verdict]) for name, check in status.director_checks.items())
    yield family("director_check_up", "1 UP, 0 DOWN, -1 UNKNOWN", ["check"], up)


def _engine(engine: EngineStatus) -> Iterator[Metric]:
    yield gauge("check_engine_up", "1 when the check engine reports", float(engine.alive))
    yield gauge("check_probes", "Configured probes", engine.probes)
    yield gauge("check_unprobed", "Configured probes without results", engine.unprobed)
    for name, text in _ENGINE.items():
        yield counter(f"check_{name}", text, getattr(engine, name))
    unsent = (([reason], count) for reason, count in engine.unsent.items())
    text = "Probes that the director could not send"
    yield family("check_unsent", text, ["reason"], unsent, CounterMetricFamily)
    lag = HistogramMetricFamily(f"{PREFIX}_check_lag_seconds", "How late probes began")
    totals = accumulate(engine.lag_buckets or (0,) * (len(LAG_BUCKETS) + 1))
    lag.add_metric([], list(zip((*map(str, LAG_BUCKETS), "+Inf"), totals, strict=True)), sum_value=None)
    yield lag
