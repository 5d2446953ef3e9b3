"""Port use as metrics: what a rule for an alarm needs, and nothing that was not read."""

from ipaddress import ip_address

from prometheus_client import CollectorRegistry, generate_latest
from statuses import status

from clusterlb.api.metrics import ports
from clusterlb.model.port_use import AddressKind, ConntrackFailures
from clusterlb.model.status import PortsStatus, PortUseStatus

ADDRESS = PortUseStatus(
    kind=AddressKind.LOCAL, used=70, capacity=64512, connections=90, fullest="tcp 10.2.0.101:80"
)
READ = PortsStatus(addresses={ip_address("10.100.1.1"): ADDRESS}, conntrack=ConntrackFailures(1, 2, 3))


class Collector:
    def __init__(self, ports):
        self._ports = ports

    def collect(self):
        yield from ports(status(ports=self._ports))


def samples(read):
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(read))
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_addresses_and_failures():
    assert samples(READ) == [
        'clusterlb_address_ports_used{address="10.100.1.1",kind="local"} 70.0',
        'clusterlb_address_ports_capacity{address="10.100.1.1",kind="local"} 64512.0',
        'clusterlb_address_connections{address="10.100.1.1",kind="local"} 90.0',
        "clusterlb_conntrack_insert_failed_total 1.0",
        "clusterlb_conntrack_drop_total 2.0",
        "clusterlb_conntrack_early_drop_total 3.0",
    ]


def test_nothing_read_is_nothing_shown():
    assert samples(PortsStatus()) == []
