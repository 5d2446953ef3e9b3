"""Metric families under clusterlb's prefix, each made in one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from clusterlb.model.check import VerdictState

PREFIX = "clusterlb"
VERDICTS = {VerdictState.UP: 1.0, VerdictState.DOWN: 0.0, VerdictState.UNKNOWN: -1.0}

Samples = Iterable[tuple[Sequence[str], float]]
"""The values of a family's labels, and the sample's value."""


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter without labels; its sample's name ends in ``_total``."""
    return CounterMetricFamily(f"{PREFIX}_{name}", text, value=value)


def family(
    name: str,
    text: str,
    labels: Sequence[str],
    samples: Samples,
    kind: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily,
) -> Metric:
    """Return a family with one sample for each row of label values."""
    made = kind(f"{PREFIX}_{name}", text, labels=labels)
    for values, value in samples:
        made.add_metric(values, value)
    return made
