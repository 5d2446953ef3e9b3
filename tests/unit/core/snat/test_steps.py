"""The steps that SNAT pools add, and where they stand in a plan."""

from ipaddress import ip_address

from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.order import order
from clusterlb.core.snat.state import without_gateway
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import AddPeer, Announce, ConfigureFrr, FrrPart, LoadRules, RemovePeer, Withdraw
from clusterlb.model.rules import Rules
from clusterlb.model.snat import Peer
from clusterlb.model.state import DirectorState, FrrLine

ADDRESS = ip_address("10.100.2.1")
PEER, MOVED = (Peer(0x45000001, ip_address(f"10.2.0.{number}")) for number in (2, 3))
SIX = Peer(0x45000001, ip_address("fd00:2::2"))
LINES = (
    FrrLine(("router ospf",), "ospf router-id 10.1.0.1"),
    FrrLine(("router ospf",), "default-information originate always metric 10 metric-type 1"),
)
UP = DirectorState(
    frr=LINES,
    announced={ADDRESS: frozenset({Lane.ACTIVE})},
    local_routes=frozenset({ADDRESS}),
    rules=Rules("chain snat_out { }"),
    peers=frozenset({PEER, SIX}),
)


def kinds(plan):
    return [(type(step), getattr(step, "part", None) is FrrPart.GATEWAY) for step in plan]


def test_the_way_is_there_before_the_maps_and_the_gateway_comes_last():
    found = kinds(order(diff(UP, DirectorState())))
    wanted = [
        (AddPeer, False),
        (LoadRules, False),
        (ConfigureFrr, False),
        (Announce, False),
        (ConfigureFrr, True),
    ]
    places = [found.index(kind) for kind in wanted]
    assert places == sorted(places)
    assert places[-1] == len(found) - 1


def test_the_gateway_goes_first_and_the_way_after_the_maps():
    for leaving in (False, True):
        found = kinds(order(diff(DirectorState(), UP), leaving=leaving))
        assert found[0] == (ConfigureFrr, True)
        assert found.index((Withdraw, False)) < found.index((RemovePeer, False))
        assert found.index((LoadRules, False)) < found.index((RemovePeer, False))


def test_a_peer_that_moved_is_added_and_none_removed():
    moved = DirectorState(peers=frozenset({MOVED, SIX}))
    assert diff(moved, DirectorState(peers=frozenset({PEER, SIX}))) == (AddPeer(MOVED),)
    assert diff(moved, moved) == ()


def test_who_is_no_gateway_keeps_all_other_lines():
    assert without_gateway(LINES) == LINES[:1]


def test_an_operator_can_read_them():
    assert str(AddPeer(PEER)) == "add peer 10.2.0.2 for mark 0x45000001"
    assert str(RemovePeer(PEER)) == "remove peer 10.2.0.2 of mark 0x45000001"
    assert str(ConfigureFrr(LINES[1:], part=FrrPart.GATEWAY)) == "start to be the default route (router ospf)"
    assert (
        str(ConfigureFrr((), LINES[1:], part=FrrPart.GATEWAY))
        == "cease to be the default route (router ospf)"
    )
