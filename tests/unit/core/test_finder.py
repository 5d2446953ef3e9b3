"""Which service a flow is of."""

from ipaddress import ip_address

import pytest

from clusterlb.core.finder import ServiceFinder
from clusterlb.model.flow import Flow
from clusterlb.model.forwarding import PortRange
from clusterlb.model.inventory import Service, Vip
from clusterlb.model.ipvs import Protocol

ONE, TWO, THREE = (ip_address(f"10.100.0.{last}") for last in (1, 2, 3))
WEB = Service(Protocol.TCP, 80, "web")
LIST = Service(Protocol.TCP, 0, "web", ports=(PortRange(443, 443), PortRange(8000, 8100)), mark=7)
EVERY = Service(Protocol.UDP, 0, "web")
MARKED = Service(Protocol.TCP, 0, "web", fwmark=99)
GROUP = Service(Protocol.TCP, 25, "web", mark=8)
VIPS = (
    Vip(ONE, (WEB, LIST, EVERY)),
    Vip(TWO, (GROUP,), group=(TWO, THREE)),
    Vip(ip_address("10.100.0.4"), (MARKED,)),
)
SERVED = {service.key(vip.address): (vip, service) for vip in VIPS for service in vip.services}


@pytest.mark.parametrize(
    ("protocol", "vip", "port", "service"),
    [
        (Protocol.TCP, ONE, 80, WEB),
        (Protocol.TCP, ONE, 443, LIST),
        (Protocol.TCP, ONE, 8050, LIST),
        (Protocol.UDP, ONE, 5, EVERY),
        (Protocol.TCP, TWO, 25, GROUP),
        (Protocol.TCP, THREE, 25, GROUP),
        (Protocol.UDP, ONE, 80, EVERY),
        (Protocol.TCP, ONE, 81, None),
        (Protocol.TCP, ONE, 8101, None),
        (Protocol.TCP, ip_address("10.100.0.4"), 80, None),
        (Protocol.TCP, ip_address("10.100.0.9"), 80, None),
    ],
)
def test_finds_it(protocol, vip, port, service):
    found = ServiceFinder(SERVED).service_of(Flow(protocol, ip_address("198.18.0.1"), 4000, vip, port))
    assert found == (service.key(vip) if service else None)


def test_one_port_stands_above_every_port():
    every = Service(Protocol.TCP, 0, "web")
    vip = Vip(ONE, (every, WEB))
    finder = ServiceFinder({service.key(ONE): (vip, service) for service in vip.services})
    client = ip_address("198.18.0.1")
    assert finder.service_of(Flow(Protocol.TCP, client, 4000, ONE, 80)) == WEB.key(ONE)
    assert finder.service_of(Flow(Protocol.TCP, client, 4000, ONE, 81)) == every.key(ONE)
    assert ServiceFinder({}).service_of(Flow(Protocol.TCP, client, 4000, ONE, 80)) is None
