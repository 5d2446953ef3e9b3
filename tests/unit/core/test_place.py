"""Where a VIP belongs that VRRP moves."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from intents import drain

from clusterlb.core.announce import Decision
from clusterlb.core.assessment import Assessment, assess
from clusterlb.core.desired import desired
from clusterlb.core.known import Known
from clusterlb.core.member import MemberState
from clusterlb.core.place import Surroundings, place
from clusterlb.core.quorum import Standing
from clusterlb.core.served import served
from clusterlb.core.vrrp import groups_of
from clusterlb.model.address import AddressFamily
from clusterlb.model.check import VerdictState
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
DRAIN = drain(who="root", reason="updates")


def around(**given):
    return Surroundings(OWN, 0.0, **given)


@pytest.mark.parametrize("adjacent", [frozenset(), frozenset(AddressFamily)])
def test_vrrp_needs_no_neighbour_and_no_database(adjacent):
    assert place(VIP, INVENTORY, FIT, around(adjacent=adjacent)) == FIT


@pytest.mark.parametrize("whose", [None, ADDRESS], ids=["director", "vip"])
def test_a_drain_leaves_a_vrrp_vip_to_whoever_is_there(whose):
    found = place(VIP, INVENTORY, FIT, around(drains={whose: DRAIN}))
    assert (found.lanes, found.because.reason) == (frozenset({Lane.DRAINED}), Reason.DRAINING)
    assert found.because.text == "updates; it serves only where no other director does"


def test_a_drain_by_force_and_one_that_nobody_could_follow_end_it():
    forced = replace(DRAIN, force=True)
    alone = replace(VIP, ha=replace(VIP.ha, preempt=False))
    for vip, drained in ((VIP, forced), (alone, DRAIN)):
        found = place(vip, INVENTORY, FIT, around(drains={None: drained}))
        assert (found.lanes, found.because.reason) == (frozenset(), Reason.DRAINED)


def test_a_director_outside_the_order_does_not_stand():
    found = place(VIP, INVENTORY, FIT, replace(around(), own=IPv4Address("10.1.0.9")))
    assert (found.lanes, found.because.reason) == (frozenset(), Reason.STANDBY)


def test_no_lane_has_a_vrrp_vip_and_frr_stands_for_it_as_it_is_fit():
    group, *_ = groups_of(INVENTORY, INVENTORY.directors["d1"])
    lines = (group.line(), group.line("priority 200"))
    services = served(INVENTORY)
    for up, shut in ((1, False), (0, True)):
        members = {"web": (MemberState(VerdictState.UP if up else VerdictState.DOWN),)}
        standings = {"web": Standing(up, 0, 1, 1, fit=bool(up))}
        known = Known(around=around(), frr=lines, groups=(group,))
        found = assess(INVENTORY, known, Assessment(members, standings), (), [ADDRESS])
        state = desired(INVENTORY, services, services, [ADDRESS], known, found)
        assert (set(state.services), state.local_routes, state.announced) == (set(services), {ADDRESS}, {})
        assert state.devices == {group.device}
        assert (group.line("shutdown") in state.frr) is shut


def test_a_vip_that_nobody_looks_at_now_stays_as_it_was_decided():
    group, *_ = groups_of(INVENTORY, INVENTORY.directors["d1"])
    known = Known(around=around(), frr=(group.line(),), groups=(group,))
    before = Assessment(decided={ADDRESS: FIT})
    assert desired(INVENTORY, served(INVENTORY), (), (), known, before).frr == (group.line(),)
