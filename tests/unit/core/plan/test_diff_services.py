from dataclasses import replace
from ipaddress import ip_address

from clusterlb.core.plan.diff import service_steps
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import Protocol, ServiceFlag, ServiceKey, ServiceState, VirtualService
from clusterlb.model.plan import EditService

SIP = VirtualService(
    ServiceKey(AddressFamily.IPV4, Protocol.UDP, ip_address("10.100.0.2"), 5060),
    "rr",
    ServiceFlag.PERSISTENT,
    60,
)


def test_a_persistence_engine_that_others_set_is_drift():
    have = ServiceState(replace(SIP, pe_name="sip"))
    assert service_steps(SIP.key, ServiceState(SIP), have) == [EditService(SIP)]
