"""Who serves a pool as the link-state database has it, and the lanes of its addresses here."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest

from clusterlb.core.place import Surroundings
from clusterlb.core.snat.place import SETTLE, Leaving, decide_addresses, look, peers
from clusterlb.model.address import AddressFamily
from clusterlb.model.cluster_view import Announcement, ClusterView
from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import Lane, Uplink
from clusterlb.model.reason import Because, Reason
from clusterlb.model.snat import Peer, SnatPool

NAMES = ("d1", "d2", "d3")
OWN = {name: ip_address(f"10.100.2.{number}") for number, name in enumerate(NAMES, 1)}
SIX = ip_address("fd00:100:2::1")
POOL = SnatPool(
    "internet",
    (ip_network("10.2.0.0/16"),),
    {"d1": (OWN["d1"], SIX), "d2": (OWN["d2"],), "d3": (OWN["d3"],)},
)
DIRECTORS = {
    name: Director(
        name,
        IPv4Address(f"10.1.0.{number}"),
        (Uplink("e0"),),
        inside=(ip_address(f"10.2.0.{number}"), ip_address(f"fd00:2::{number}")),
    )
    for number, name in enumerate(NAMES, 1)
}
INVENTORY = Inventory(
    Cluster("c", (ip_network("10.100.0.0/16"),)), DIRECTORS, {}, {}, snat_pools={"internet": POOL}
)
HERE = DIRECTORS["d1"]
V4, V6 = AddressFamily.IPV4, AddressFamily.IPV6
SERVING = {name: {name: Lane.ACTIVE} for name in NAMES} | {"d2": {"d2": Lane.ACTIVE, "d1": Lane.STANDBY}}


def view(lanes, dead=()):
    """``lanes``: for each director what it announces, by the address's owner."""
    found = {}
    for name, own in lanes.items():
        for owner, lane in own.items():
            router = DIRECTORS[name].router_id
            one = Announcement(router, OWN[owner], lane, 10, False, name not in dead, 1.0)
            found[OWN[owner]] = (*found.get(OWN[owner], ()), one)
    return ClusterView(found, 0.0, HERE.router_id)


def around(now=0.0, **known):
    return Surroundings(HERE.router_id, now, **{"view": replace(view(SERVING), taken_at=now), **known})


def test_who_announces_its_own_address_serves():
    seen = look(POOL, V4, INVENTORY, view(SERVING))
    assert seen.serving == seen.alive == set(NAMES)


def test_who_only_stands_by_or_is_dead_does_not():
    seen = look(POOL, V4, INVENTORY, view({"d1": {"d1": Lane.ACTIVE}, "d2": {"d1": Lane.STANDBY}}))
    assert seen.alive == {"d1"}
    assert look(POOL, V4, INVENTORY, view(SERVING, dead=("d3",))).alive == {"d1", "d2"}


def test_who_leaves_is_known_by_what_it_stands_by_for_and_can_be_asked():
    leaving = SERVING | {"d2": {"d2": Lane.ACTIVE, "d1": Lane.DRAINED}}
    seen = look(POOL, V4, INVENTORY, view(leaving))
    assert (seen.serving, seen.alive) == ({"d1", "d3"}, set(NAMES))


def test_who_can_be_sent_nothing_is_absent():
    deaf = replace(
        INVENTORY, directors=DIRECTORS | {"d2": replace(DIRECTORS["d2"], inside=(ip_address("fd00:2::2"),))}
    )
    assert look(POOL, V4, deaf, view(SERVING)).alive == {"d1", "d3"}


def test_peers_are_the_others_in_the_families_of_the_pools():
    found = peers(INVENTORY, HERE, frozenset({"d1", "d2"}))
    assert {peer.address for peer in found} == set(DIRECTORS["d2"].inside)
    assert len({peer.mark for peer in found}) == 1
    assert all(isinstance(peer, Peer) for peer in found)


def lanes(now=0.0, announced=(), **known):
    there = dict.fromkeys(announced, frozenset({Lane.ACTIVE}))
    found = decide_addresses(INVENTORY, HERE, around(now, announced=there), **known)
    return {address: decision.lanes for address, decision in found.items()}


def test_own_addresses_are_active_and_the_predecessor_s_in_standby():
    active, standby = frozenset({Lane.ACTIVE}), frozenset({Lane.STANDBY})
    assert lanes() == {OWN["d1"]: active, SIX: active, OWN["d3"]: standby}


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        ({"unfit": dict.fromkeys(AddressFamily, Because(Reason.NO_CARRIER, "e0"))}, Reason.DIRECTOR_UNFIT),
        ({"loaded": False}, Reason.NOT_PROGRAMMED),
    ],
)
def test_nothing_is_announced_that_would_not_be_translated(known, reason):
    found = decide_addresses(INVENTORY, HERE, around(), **known)
    assert {decision.because.reason for decision in found.values()} == {reason}
    assert not any(decision.lanes for decision in found.values())


def test_what_is_announced_stays_without_a_neighbour_and_the_rest_waits():
    known = around(announced={OWN["d1"]: frozenset({Lane.ACTIVE})}, adjacent=frozenset())
    found = decide_addresses(INVENTORY, HERE, known)
    assert {address for address, decision in found.items() if decision.lanes} == {OWN["d1"]}


def test_what_is_announced_stays_without_evidence_of_the_others_and_the_rest_waits():
    """Who does not know whose the flows are that come to it would break them."""
    known = around(announced={OWN["d1"]: frozenset({Lane.ACTIVE})}, view=None)
    found = decide_addresses(INVENTORY, HERE, known)
    assert {address for address, decision in found.items() if decision.lanes} == {OWN["d1"]}


LEAVES = Leaving(100.0, "updates", flows=7)


def test_who_leaves_keeps_its_addresses_and_shows_it_on_the_drained_lane():
    active, drained = frozenset({Lane.ACTIVE}), frozenset({Lane.DRAINED})
    assert lanes(leaving=LEAVES, now=200.0) == {OWN["d1"]: active, SIX: active, OWN["d3"]: drained}


@pytest.mark.parametrize(
    ("leaving", "now", "stays"),
    [
        (LEAVES, 1000.0, "7 flows live on them"),
        (replace(LEAVES, flows=0), 99.0 + SETTLE, "the others are about to see"),
        (replace(LEAVES, flows=0), 100.0 + SETTLE, ""),
        (replace(LEAVES, flows=None), 1000.0, "nobody knows"),
        (replace(LEAVES, deadline=300.0), 299.0, "7 flows"),
        (replace(LEAVES, deadline=300.0), 300.0, ""),
        (replace(LEAVES, flows=None, deadline=101.0), 101.0, ""),
    ],
)
def test_addresses_stay_until_their_flows_have_ended(leaving, now, stays):
    assert leaving.why_not_leave(now).startswith(stays)
    assert bool(leaving.why_not_leave(now)) is bool(stays)
    assert any(lanes(now, OWN.values(), leaving=leaving).values()) is bool(stays)


@pytest.mark.parametrize("flows", [0, None])
def test_who_begins_while_it_drains_takes_nothing_back(flows):
    assert not any(lanes(100.0, leaving=replace(LEAVES, flows=flows)).values())
