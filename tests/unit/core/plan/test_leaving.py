"""What of a director's down has to wait for a step that failed, and what has not."""

from ipaddress import ip_address

import pytest

from clusterlb.core.plan.leaving import is_held
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import Protocol, ServiceKey
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import (
    AwaitWithdrawn,
    ConfigureFrr,
    FrrPart,
    LoadRules,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    RemoveService,
    SetSysctl,
    Withdraw,
)
from clusterlb.model.rules import NO_RULES
from clusterlb.model.snat import Peer
from clusterlb.model.state import FrrLine

VIP, OTHER = ip_address("10.100.0.1"), ip_address("10.100.0.2")
FRR = ConfigureFrr((), (FrrLine((), "bfd"),))
GATEWAY = ConfigureFrr(
    (), (FrrLine(("router ospf",), "default-information originate"),), part=FrrPart.GATEWAY
)
RULES, SYSCTL = LoadRules(NO_RULES), SetSysctl("net/ipv4/vs/sloppy_tcp", "0")
PEER = RemovePeer(Peer(1, ip_address("10.1.0.2")))


def service(vip, fwmark=0):
    return RemoveService(ServiceKey(AddressFamily.IPV4, Protocol.TCP, vip, 80, fwmark))


MARKED = RemoveService(ServiceKey(AddressFamily.IPV4, Protocol.TCP, None, 0, 7))
STILL_ANNOUNCED = Withdraw(VIP, Lane.ACTIVE)


@pytest.mark.parametrize(
    "step",
    [
        *(service(VIP), MARKED, RemoveLocalRoute(VIP), RemoveLane(Lane.ACTIVE), RULES, PEER, FRR, SYSCTL),
        AwaitWithdrawn(frozenset({VIP})),
    ],
)
def test_a_vip_that_is_still_announced_keeps_what_it_needs(step):
    assert is_held(step, [STILL_ANNOUNCED], lambda key: key.vips)


@pytest.mark.parametrize(
    "step",
    [
        *(Withdraw(OTHER, Lane.ACTIVE), service(OTHER), RemoveLocalRoute(OTHER), RemoveLane(Lane.DRAINED)),
        AwaitWithdrawn(frozenset({VIP, OTHER})),
    ],
)
def test_the_others_go(step):
    assert not is_held(step, [STILL_ANNOUNCED], lambda key: key.vips)


def test_who_is_the_way_out_goes_on_translating():
    assert all(is_held(step, [GATEWAY], lambda key: key.vips) for step in (RULES, PEER, SYSCTL))
    assert not is_held(FRR, [GATEWAY], lambda key: key.vips)
    assert not is_held(Withdraw(VIP, Lane.ACTIVE), [GATEWAY], lambda key: key.vips)


def test_peers_stay_while_maps_lead_there():
    assert is_held(PEER, [RULES], lambda key: key.vips)
    assert not is_held(SYSCTL, [RULES], lambda key: key.vips)


@pytest.mark.parametrize("step", [RULES, PEER, RemoveLane(Lane.ACTIVE), SYSCTL])
def test_frrs_own_lines_hold_nothing_back(step):
    assert not is_held(step, [FRR], lambda key: key.vips)


def test_a_director_that_may_still_be_master_keeps_all_that_serves():
    """Its vrrpd could not be told to yield."""
    undone = [ConfigureFrr((), (FrrLine((), "vrrp"),), part=FrrPart.VRRP_YIELD)]
    for step in (service(VIP), RULES, RemoveLane(Lane.ACTIVE)):
        assert is_held(step, undone, lambda key: frozenset({VIP}))
    for step in (STILL_ANNOUNCED, FRR, AwaitWithdrawn(frozenset({VIP}))):
        assert not is_held(step, undone, lambda key: frozenset({VIP}))
