"""The metrics of VIPs that share a service, and the kernel's counters in them."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from scraped import scrape, twice

from clusterlb.config.load import load
from clusterlb.model.ipvs import Counters, DestinationStatistics

INVENTORY, _ = load(Path(__file__).parent / "inventory.yaml")
COUNTERS = Counters(connections=3, in_packets=30, out_packets=20, in_bytes=3000, out_bytes=200000)
FIRST = INVENTORY.vips[ip_address("10.100.0.1")]
GROUP = {"service": str(FIRST.services[0].key(FIRST.address))}
NAT = {"service": "tcp 10.100.0.4:80"}
MEMBER = {"member": "10.2.0.101:80"}
LIVE = DestinationStatistics(active=1, inactive=2, persistent=4, counters=COUNTERS)


def test_each_series_is_there_once() -> None:
    text = scrape(INVENTORY, LIVE)
    assert twice(text) == set()
    assert text.count("clusterlb_member_pinned{") == 2


def test_all_that_the_kernel_counts_is_there() -> None:
    """What goes back passes a director with NAT alone: elsewhere it is no series, not 0."""
    families = {one.name: one for one in text_string_to_metric_families(scrape(INVENTORY, LIVE))}

    def values(name: str) -> list[tuple[dict[str, str], float]]:
        return [(sample.labels, sample.value) for sample in families[f"clusterlb_{name}"].samples]

    for name, value in (("connections", 3), ("in_packets", 30), ("in_bytes", 3000)):
        assert values(f"service_{name}") == [(GROUP, value), (NAT, value)]
        assert values(f"member_{name}") == [(GROUP | MEMBER, value), (NAT | MEMBER, value)]
    for name, value in (("out_packets", 20), ("out_bytes", 200000)):
        assert values(f"service_{name}") == [(NAT, value)]
        assert values(f"member_{name}") == [(NAT | MEMBER, value)]
    assert values("member_persistent") == [(NAT | MEMBER, 4)]
