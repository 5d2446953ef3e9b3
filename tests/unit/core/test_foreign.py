"""Others' services with numbers that have no meaning here are named, and only those."""

from ipaddress import ip_address

from clusterlb.core.foreign import not_understood
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceKey,
    ServiceState,
    TunnelType,
    VirtualService,
)

VIP = ip_address("10.100.0.1")


def table(*states):
    return {state.service.key: state for state in states}


def service(protocol=Protocol.TCP, port=80, method=ForwardMethod.ROUTE, tunnel=TunnelType.IPIP):
    key = ServiceKey(AddressFamily.IPV4, protocol, VIP, port)
    one = Destination(DestinationKey(ip_address("10.2.0.1"), 80), method, 1, tunnel_type=tunnel)
    return ServiceState(VirtualService(key, "rr"), (one,))


def test_what_has_a_meaning_is_not_named():
    assert not_understood(table(service()), ()) == []


def test_a_protocol_a_method_and_a_tunnel_without_a_meaning_are_named():
    strange = service(Protocol(250))
    assert not_understood(table(strange), ()) == [str(strange.service.key)]
    method = service(method=ForwardMethod(6), tunnel=TunnelType(9))
    assert not_understood(table(method), ()) == ["tcp 10.100.0.1:80 (forwardmethod 6, tunneltype 9)"]


def test_a_service_of_ours_is_never_foreign():
    strange = service(method=ForwardMethod(6))
    assert not_understood(table(strange, service(port=81)), [strange.service.key]) == []
