"""Whose flows end with their member, and whose do not."""

from dataclasses import replace
from ipaddress import ip_address

from clusterlb.core.flows import forsaken
from clusterlb.core.member import MemberState
from clusterlb.core.programme import destination, virtual_service
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol, ServiceState

SERVICE = Service(Protocol.UDP, 53, "names")
MEMBERS = tuple(Member(ip_address(f"10.2.0.{last}"), 53) for last in (1, 2, 3))
POOL = Pool("names", MEMBERS)
UP, DOWN = MemberState(VerdictState.UP), MemberState(VerdictState.DOWN)
DRAINED = replace(DOWN, pinned=True, drained=True)


def table(*weights):
    found = [destination(SERVICE, one, weight) for one, weight in zip(MEMBERS, weights, strict=True)]
    return ServiceState(virtual_service(Vip(ip_address("10.100.0.1"), (SERVICE,)), SERVICE), tuple(found))


def ends(states, *weights):
    return {str(key.address) for key in forsaken(POOL, SERVICE, states, table(*weights))}


def test_flows_of_a_member_that_is_down_end():
    assert ends([UP, DOWN, UP], 1, 0, 1) == {"10.2.0.2"}


def test_those_of_a_drain_go_on():
    assert ends([UP, DRAINED, DOWN], 1, 0, 0) == {"10.2.0.3"}


def test_none_end_while_nobody_else_takes_new_ones():
    assert ends([DOWN, DOWN, DOWN], 0, 0, 0) == set()


def test_a_member_that_still_takes_new_ones_keeps_its_own():
    assert ends([UP, DOWN, DOWN], 1, 1, 0) == {"10.2.0.3"}
