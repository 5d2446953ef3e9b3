"""Port use as metrics: what a rule for an alarm needs, and nothing that was not read."""

from prometheus_client import CollectorRegistry, generate_latest

from clusterlb.api.metrics_ports import ports

READ = {
    "addresses": {
        "10.100.1.1": {
            "kind": "local",
            "used": 70,
            "capacity": 64512,
            "connections": 90,
            "fullest": "tcp 10.2.0.101:80",
        }
    },
    "conntrack": {"insert_failed": 1, "drop": 2, "early_drop": 3},
    "warnings": [],
}


class Collector:
    def __init__(self, status):
        self._status = status

    def collect(self):
        yield from ports({"ports": self._status})


def samples(status):
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(status))
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
    assert samples({"addresses": {}, "conntrack": {}, "warnings": []}) == []
