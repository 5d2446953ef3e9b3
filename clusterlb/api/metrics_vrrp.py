"""What VRRP has elected, as metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from clusterlb.model.status import Status
from clusterlb.model.vrrp import VrrpState

PREFIX = "clusterlb"


def vrrp(status: Status) -> Iterator[Metric]:
    """Yield the families of one status object; the sum of the first over all directors is to be 1."""
    master = GaugeMetricFamily(
        f"{PREFIX}_vrrp_master", "1 when VRRP has elected this director", labels=["vip"]
    )
    twice = GaugeMetricFamily(
        f"{PREFIX}_vrrp_two_masters", "1 when another director may be master, too", labels=["vip"]
    )
    for vip in status.vips:
        if vip.vrrp is not None:
            master.add_metric([str(vip.vip)], float(vip.vrrp is VrrpState.MASTER))
            twice.add_metric([str(vip.vip)], float(vip.vip in status.two_masters))
    yield master
    yield twice
