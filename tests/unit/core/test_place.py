"""Where a VIP belongs that OSPF has no say in."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

from clusterlb.core.announce import Decision
from clusterlb.core.desired import View, decisions, desired, served
from clusterlb.core.place import Surroundings, place
from clusterlb.core.quorum import Standing
from clusterlb.model.intent import Intent, IntentKind
from clusterlb.model.inventory import Cluster, Director, Inventory, Member, Pool, Service, Vip, Vrrp
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import Lane, Uplink
from clusterlb.model.reason import Because, Reason

ADDRESS, OWN = ip_address("10.100.0.1"), IPv4Address("10.1.0.1")
VIP = Vip(ADDRESS, (Service(Protocol.TCP, 80, "web"),), ha=Vrrp(("d1",), 10, ("e0",)))
INVENTORY = Inventory(
    Cluster("c", (ip_network("10.100.0.0/24"),)),
    {"d1": Director("d1", OWN, (Uplink("e0"),))},
    {"web": Pool("web", (Member(ip_address("10.2.0.1"), 80),))},
    {ADDRESS: VIP},
)
FIT = Decision(frozenset({Lane.ACTIVE}), Because(Reason.FIT, "web 1/1 up"))
DRAIN = Intent(IntentKind.DRAIN, "director", "", "root", "updates", 0.0)


def test_vrrp_is_said_before_adjacency_and_drains():
    around = Surroundings(OWN, 0.0, announced={ADDRESS: frozenset({Lane.ACTIVE})}, adjacent=frozenset())
    for each in (around, replace(around, announced={}), replace(around, drains={None: DRAIN})):
        found = place(VIP, INVENTORY, FIT, each)
        assert (found.lanes, found.because.reason) == (frozenset(), Reason.VRRP)


def test_services_and_the_local_route_of_a_vrrp_vip_stay():
    view = View(around=Surroundings(OWN, 0.0), standings={"web": Standing(1, 0, 1, 1, fit=True)})
    decided = decisions(INVENTORY, [ADDRESS], view)
    assert decided[ADDRESS].because.reason is Reason.VRRP
    services = served(INVENTORY)
    state = desired(INVENTORY, services, services, decided, view)
    assert (set(state.services), state.local_routes, state.announced) == (set(services), {ADDRESS}, {})
