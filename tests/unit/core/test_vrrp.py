"""VRRP's virtual routers: priorities, devices, what FRR is told, and what its answers mean."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from vrrp_inventories import INVENTORIES

from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.order import order
from clusterlb.core.plan.separate import separate
from clusterlb.core.vrrp import elected, groups_of, place_of, standing, stood, thin, turns, two_masters
from clusterlb.drivers.frr.text import parse
from clusterlb.model.inventory import Vrrp
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import AddDevice, AddLocalRoute, Announce, ConfigureFrr, FrrPart, RemoveDevice
from clusterlb.model.state import DirectorState, FrrLine
from clusterlb.model.vrrp import VrrpRouter, VrrpState
from clusterlb.render.frr import render_config

FULL = INVENTORIES["full"]
D1 = groups_of(FULL, FULL.directors["d1"])
LINES = parse(render_config(FULL, FULL.directors["d1"]))
VIP, VIP2, VIP6 = (ip_address(text) for text in ("10.100.0.1", "10.100.0.2", "fd00:100::1"))
NONE, ACTIVE, DRAINED = frozenset(), frozenset({Lane.ACTIVE}), frozenset({Lane.DRAINED})
DEVICES = frozenset(group.device for group in D1)


def test_priorities_fall_by_the_order_of_each_vip():
    found = {
        name: {group.vrid: group.priority for group in groups_of(FULL, FULL.directors[name])}
        for name in ("d1", "d2", "d3")
    }
    assert found["d1"] == {10: 200, 255: 190, 11: 200}
    assert found["d2"] == {10: 200, 255: 200, 11: 190}  # 10: that of 10.100.0.3, where d2 is alone
    assert found["d3"] == {}


def test_a_device_hangs_on_nothing_but_its_group():
    everywhere = [group for name in ("d1", "d2") for group in groups_of(FULL, FULL.directors[name])]
    names = {group.device.name: (group.interface, group.vrid, group.vip.version) for group in everywhere}
    assert len(names) == len({(group.interface, group.vrid, group.vip.version) for group in everywhere})
    assert all(len(name) <= 15 for name in names)  # IFNAMSIZ
    fewer = replace(FULL, vips={VIP2: FULL.vips[VIP2]})
    assert {g.device for g in groups_of(fewer, FULL.directors["d1"])} < DEVICES


def test_the_address_is_on_the_first_link_alone():
    both = [group for group in D1 if group.vip == VIP]
    assert [(group.interface, group.device.address) for group in both] == [("bond0.100", VIP), ("e1", None)]


@pytest.mark.parametrize("lanes", [NONE, ACTIVE, DRAINED], ids=["out", "active", "drained"])
@pytest.mark.parametrize("vip", [VIP, VIP2, VIP6], ids=str)
def test_what_frr_is_told_is_what_is_read_of_it(vip, lanes):
    wanted = dict.fromkeys((VIP, VIP2, VIP6), ACTIVE) | {vip: lanes}
    running = standing(LINES, D1, wanted)
    assert stood(running, D1, DEVICES) == {one: lanes for one, lanes in wanted.items() if lanes}
    others = [line for line in running if place_of(line) is None]
    assert others == [line for line in LINES if place_of(line) is None]


def test_every_place_in_the_order_can_be_drained():
    """The eleventh has FRR's own default, 100, which FRR does not print."""
    names = [f"d{number}" for number in range(1, 21)]
    directors = {name: replace(FULL.directors["d1"], name=name) for name in names}
    ha = Vrrp(tuple(names), 10, ("e0",))
    given = replace(FULL, directors=directors, vips={VIP: replace(FULL.vips[VIP], ha=ha)})
    for name in names:
        groups = groups_of(given, directors[name])
        lines = standing(parse(render_config(given, directors[name])), groups, {VIP: DRAINED})
        priorities = [line.text for line in lines if line.text.startswith("vrrp 10 priority")]
        assert priorities == ["vrrp 10 priority 1"], name


def test_nobody_stands_without_a_device_or_without_the_lines():
    assert stood(LINES, D1, ()) == {}
    assert stood((), D1, DEVICES) == {}


def test_a_group_is_shut_before_it_has_an_address():
    """With an address it would be master for a moment."""
    lines = [line for line in standing(LINES, D1, {}) if place_of(line) == ("bond0.100", 10)]
    assert lines[0].text == "vrrp 10"
    assert lines[1].text == "vrrp 10 shutdown"
    assert lines[-1].text == "vrrp 10 ip 10.100.0.1"


def plan(want, have, **both):
    return order(diff(DirectorState(frr=want, **both), DirectorState(frr=have, **both)))


def test_who_gives_way_does_so_first_and_who_stands_comes_last():
    both = dict.fromkeys((VIP, VIP2, VIP6), ACTIVE)
    before = standing(LINES, D1, both | {VIP2: NONE})
    after = standing(LINES, D1, both | {VIP: NONE})
    route = FrrLine(("router ospf",), "timers lsa min-arrival 7")
    steps = plan((*after, route), before)
    assert [step.part for step in steps] == [FrrPart.VRRP_YIELD, FrrPart.ROUTING, FrrPart.VRRP_STAND]
    assert steps[0].vips == frozenset()
    assert {line.text for line in steps[0].add} == {"vrrp 10 shutdown"}
    assert steps[2].vips == {VIP2}
    assert str(steps[0]) == ("give way in VRRP: virtual router 10 on bond0.100, virtual router 10 on e1")
    assert str(steps[2]) == "stand for election by VRRP: 10.100.0.2"


def test_an_interface_that_has_virtual_routers_alone_comes_with_them():
    routing, stand = plan(standing(LINES, D1, {VIP: ACTIVE}), ())
    assert {line.text for line in routing.add} >= {"interface e0", "interface clb-active"}
    assert not {line.text for line in routing.add} & {"interface e1", "interface bond0.100"}
    assert {line.context for line in stand.add} == {("interface bond0.100",), ("interface e1",)}


@pytest.mark.parametrize(
    ("before", "after", "yields"),
    [(ACTIVE, DRAINED, True), (ACTIVE, NONE, True), (DRAINED, NONE, True), (DRAINED, ACTIVE, False)],
)
def test_a_lower_priority_gives_way(before, after, yields):
    every = dict.fromkeys((VIP, VIP2, VIP6), ACTIVE)
    away, towards = turns(
        standing(LINES, D1, every | {VIP: after}), standing(LINES, D1, every | {VIP: before})
    )
    assert (bool(away.add or away.remove), bool(towards.add or towards.remove)) == (yields, not yields)


def test_a_vip_that_leaves_the_inventory_gives_way_and_its_device_goes_last():
    device = D1[0].device
    have = DirectorState(frr=LINES, devices=frozenset({device}), local_routes=frozenset({VIP}))
    bare = tuple(line for line in LINES if place_of(line) != D1[0].place)
    steps = order(diff(DirectorState(frr=bare), have))
    assert isinstance(steps[0], ConfigureFrr)
    assert steps[0].part is FrrPart.VRRP_YIELD
    assert steps[-1] == RemoveDevice(device)
    assert str(steps[-1]) == f"remove device {device.name} on bond0.100"


def test_a_device_that_is_to_be_another_keeps_its_name_and_is_not_removed():
    device = D1[0].device
    want, have = (
        DirectorState(devices=frozenset({each})) for each in (device, replace(device, address=None))
    )
    assert diff(want, have) == (AddDevice(device),)


def test_nobody_stands_for_what_this_director_cannot_serve():
    stand = ConfigureFrr((), LINES[:1], FrrPart.VRRP_STAND, frozenset({VIP}))
    other = ConfigureFrr((), LINES[:1], FrrPart.VRRP_STAND, frozenset({VIP2}))
    for undone in (AddLocalRoute(VIP), AddDevice(D1[0].device), ConfigureFrr(LINES[:1])):
        going, waiting = separate([undone, stand], [undone], lambda key: key.vips)
        assert (going, waiting) == ((), (stand,))
    route = AddLocalRoute(VIP)
    going, _ = separate([route, other], [route], lambda key: key.vips)
    assert going == (other,)


def test_ospf_does_not_wait_for_vrrp_and_giving_way_waits_for_nothing():
    stand = ConfigureFrr(LINES[:1], (), FrrPart.VRRP_STAND, frozenset({VIP}))
    announce = Announce(VIP2, Lane.ACTIVE)
    assert separate([stand, announce], [stand], lambda key: key.vips)[0] == (announce,)
    away = ConfigureFrr(LINES[:1], (), FrrPart.VRRP_YIELD)
    undone = [ConfigureFrr(LINES[:1]), AddDevice(D1[0].device)]
    assert separate([*undone, away], undone, lambda key: key.vips)[0] == (away,)


def look(**states):
    """Return what vrrpd says of 10.100.0.1 on its two links: a status and how many advertisements came."""
    links = {"first": "bond0.100", "second": "e1"}
    routers = [VrrpRouter(links[name], 10, 4, *state) for name, state in states.items()]
    return {((one.interface, one.vrid), one.version): one for one in routers}


MASTER, BACKUP, INITIALIZE = VrrpState.MASTER, VrrpState.BACKUP, VrrpState.INITIALIZE
ONE, TWO = look(first=(MASTER, 7), second=(MASTER, 0)), look(first=(MASTER, 7), second=(BACKUP, 9))


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (ONE, ONE, None),
        (ONE, look(first=(MASTER, 8), second=(MASTER, 0)), "another one advertises there too"),
        (look(first=(BACKUP, 7)), look(first=(MASTER, 9)), None),  # it has just taken over
        (TWO, TWO, "a better one lives on e1"),
        (ONE, TWO, None),  # the second link may follow
        (look(first=(BACKUP, 7), second=(BACKUP, 7)), look(first=(BACKUP, 9), second=(BACKUP, 9)), None),
        ({}, TWO, None),
        (look(first=(INITIALIZE, 7)), look(first=(INITIALIZE, 7)), None),
    ],
)
def test_two_masters_are_seen(before, now, words):
    found = list(two_masters(D1, now, before))
    assert len(found) == (words is not None)
    assert all(one.vip == VIP and words in one.text for one in found)


def test_what_a_director_is_to_vrrp():
    assert elected(D1, ONE) == {VIP: MASTER, VIP2: VrrpState.UNKNOWN, VIP6: VrrpState.UNKNOWN}
    assert elected(D1, look(first=(BACKUP, 0), second=(MASTER, 0)))[VIP] is BACKUP


@pytest.mark.parametrize(
    ("bond", "words"),
    [(None, "goes over bond0.100 alone"), ((2, 2), None), ((1, 2), "1 of 2 links"), ((0, 0), "0 of 0 links")],
)
def test_a_heartbeat_over_one_cable_is_told(bond, words):
    found = list(thin(D1, {"bond0.100": bond}))
    assert len(found) == (2 if words else 0), "10.100.0.1 has a second link"
    assert all(words in text for text in found)


def test_the_default_is_below_a_second():
    ha = Vrrp(("d1", "d2"), 10, ("e0",))
    assert 3 * ha.interval + (256 - 190) / 256 * ha.interval < 1  # RFC 5798, 6.1: Master_Down_Interval
