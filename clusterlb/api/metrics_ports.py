"""How much of the ports of local and SNAT addresses is in use, as metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from clusterlb.model.status import Status

PREFIX = "clusterlb"

_ADDRESS = {
    "used": ("address_ports_used", "Ports in use to the remote that has the most"),
    "capacity": ("address_ports_capacity", "Ports there are to one remote"),
    "connections": ("address_connections", "Connections with this translated source, to all remotes"),
}
_CONNTRACK = {
    "insert_failed": "Connections dropped because another one had their addresses and ports",
    "drop": "Packets that connection tracking dropped",
    "early_drop": "Connections forgotten to make room in a full table",
}


def ports(status: Status) -> Iterator[Metric]:
    """Yield the families of one status object; what was not read is left out."""
    found = status.ports
    for field, (name, text) in _ADDRESS.items():
        family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["address", "kind"])
        for address, use in found.addresses.items():
            family.add_metric([str(address), use.kind.value], getattr(use, field))
        yield family
    for field, text in _CONNTRACK.items() if found.conntrack else ():
        yield CounterMetricFamily(f"{PREFIX}_conntrack_{field}", text, value=getattr(found.conntrack, field))
