"""Which flows are anchored, to what, and for how long."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from clusterlb.core import anchors
from clusterlb.core.anchors import (
    GRACE,
    anchor_service_state,
    bindings,
    kept,
    noted_flow,
    read_back,
    renewed,
    stands,
    together,
)
from clusterlb.core.assessment import Assessment
from clusterlb.core.census import Census
from clusterlb.core.desired import desired
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.known import Known
from clusterlb.core.nft.anchored import ENDING, REOPENED, SPOKE, anchored, notes
from clusterlb.core.nft.part import join
from clusterlb.core.served import served
from clusterlb.model.anchor import Anchor, Binding, Sighting
from clusterlb.model.flow import Flow, FlowEntry
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Service
from clusterlb.model.ipvs import (
    Counters,
    DestinationKey,
    DestinationStatistics,
    ForwardMethod,
    Protocol,
    ServiceKey,
    ServiceStatistics,
)
from clusterlb.model.marks import ANCHOR_MARKS
from clusterlb.model.rules import NamedSet
from tests.support.fake_director import VIP, inventory

GIVEN = inventory()
SERVED = served(GIVEN)
FINDER = ServiceFinder(SERVED)
(KEY,) = SERVED
ONE, TWO = (Binding(KEY, DestinationKey(ip_address(f"10.2.0.{last}"), 80)) for last in (101, 102))


def flow(number, **changes):
    return Flow(Protocol.TCP, ip_address("198.18.0.1"), 1024 + number, VIP, 80)._replace(**changes)


def entry(number, binding=ONE, **changes):
    return FlowEntry(flow(number, **changes), binding.destination, "ESTABLISHED", 900)


def everybody(binding):
    return True


def found(*strays, **more):
    return Census({}, tuple(strays), **more)


def seen(before, census, stands=everybody, now=5.0, over=None):
    return renewed(before, census, FINDER, now=now, stands=stands, over=over or {})


def taken(*args, **more):
    return seen(*args, **more)[0]


def test_each_stray_gets_an_anchor_to_its_member():
    after, sightings = seen({}, found(entry(1), entry(2, TWO)))
    assert after == {flow(1): Anchor(ONE, 5.0), flow(2): Anchor(TWO, 5.0)}
    assert sightings == [Sighting(flow(n), each.destination, 5.0) for n, each in ((1, ONE), (2, TWO))]


def test_those_that_have_ended_or_settled_lose_theirs_and_the_silent_ones_keep_them():
    before = {flow(number): Anchor(ONE, 1.0) for number in range(4)}
    census = found(entry(3), ended=(entry(0),), settled=(entry(1),))
    after, sightings = seen(before, census)
    assert after == {flow(2): Anchor(ONE, 1.0), flow(3): Anchor(ONE, 5.0)}
    assert sightings[:2] == [Sighting(flow(0), None, 5.0), Sighting(flow(1), None, 5.0)]


def test_an_entry_of_long_ago_undoes_nothing_that_was_seen_since():
    heard = {flow(number): Anchor(ONE, 1000.0) for number in range(3)}
    late = 900 - (1000 - int(1000 - GRACE - 1))  # an entry's seconds, whose last packet came before that
    stale = found(
        entry(0, TWO)._replace(expires=899),
        ended=(entry(1)._replace(expires=late),),
        settled=(entry(2)._replace(expires=late),),
    )
    assert seen(heard, stale, now=1000.0) == (heard, [])


def test_a_flow_that_is_over_is_not_anchored_for_what_was_before():
    stray = found(entry(1)._replace(expires=900))
    assert taken({}, stray, now=1000.0, over={flow(1): 1000.0 - GRACE}) == {}
    assert taken({}, stray, now=1000.0, over={flow(1): 999.0 - GRACE}) == {flow(1): Anchor(ONE, 1000.0)}


def test_who_gets_none():
    strangers = (entry(1, port=81), entry(2, protocol=Protocol.SCTP), entry(3, TWO))
    assert seen({}, found(*strangers), lambda binding: binding != TWO) == ({}, [])


def test_there_is_a_limit_and_those_that_are_there_stay(monkeypatch):
    monkeypatch.setattr(anchors, "MOST", 2)
    after = taken({flow(9): Anchor(ONE, 1.0)}, found(entry(1), entry(2), entry(9)))
    assert after.keys() == {flow(9), flow(1)}


def going_on(have, stands=everybody, **more):
    return kept(have, now=100.0, memory=60.0, stands=stands, **more)


def test_how_long_an_anchor_is_kept():
    have = {flow(1): Anchor(ONE, 50.0), flow(2): Anchor(ONE, 30.0), flow(3): Anchor(TWO, 90.0)}
    assert going_on({flow(1): have[flow(1)]}) == {flow(1): have[flow(1)]}
    assert going_on(have).keys() == {flow(1), flow(3)}
    assert going_on(have, heard={flow(2)})[flow(2)] == Anchor(ONE, 100.0)
    assert going_on(have, over={flow(1)}).keys() == {flow(3)}
    assert going_on(have, lambda binding: binding != TWO).keys() == {flow(1)}


def test_where_nothing_has_changed_it_is_the_same_object():
    have = {flow(1): Anchor(ONE, 50.0)}
    assert going_on(have) is have


def test_a_binding_keeps_its_mark():
    first = bindings({}, {flow(1): Anchor(ONE, 0.0)})
    (key,) = first
    assert key.fwmark in ANCHOR_MARKS
    both = bindings(first, {flow(1): Anchor(ONE, 0.0), flow(2): Anchor(TWO, 0.0)})
    assert both[key] == ONE
    assert set(both.values()) == {ONE, TWO}
    assert bindings(both, {}) == both


def test_the_private_service_has_the_member_alone_and_reaches_it_in_the_same_way():
    (key,) = bindings({}, {flow(1): Anchor(ONE, 0.0)})
    state = anchor_service_state(GIVEN, SERVED, key, ONE, None)
    (only,) = state.destinations
    assert (only.key, only.method, only.weight) == (ONE.destination, ForwardMethod.ROUTE, 1)
    assert (state.service.key, state.service.scheduler, state.service.prefix) == (key, "rr", 32)


def test_of_a_member_that_is_gone_it_stays_as_it_is():
    (key,) = bindings({}, {flow(1): Anchor(ONE, 0.0)})
    state = anchor_service_state(GIVEN, SERVED, key, ONE, None)
    gone = ONE._replace(destination=DestinationKey(ip_address("10.2.0.9"), 80))
    assert anchor_service_state(GIVEN, SERVED, key, gone, state) is state
    assert anchor_service_state(GIVEN, {}, key, ONE, None) is None


def test_a_private_service_that_is_nowhere_is_not_wanted():
    gone = ONE._replace(destination=DestinationKey(ip_address("10.2.0.9"), 80))
    wanted = {}
    for binding in (ONE, gone):
        (key,) = used = bindings({}, {flow(1): Anchor(binding, 0.0)})
        known = Known(bindings=used)
        wanted[binding] = desired(GIVEN, SERVED, [key], (), known, Assessment()).services.keys()
    assert [len(keys) for keys in wanted.values()] == [1, 0]


def test_a_member_stands_that_is_alive_and_in_the_inventory():
    assert stands(GIVEN, SERVED, TWO, lambda pool, number: (pool, number) == ("web", 1))
    assert not stands(GIVEN, SERVED, TWO, lambda *_: False)
    assert not stands(GIVEN, {}, TWO, lambda *_: True)


def test_what_a_private_service_counts_is_its_members():
    (key,) = private = bindings({}, {flow(1): Anchor(ONE, 0.0)})
    rows = tuple((each.destination, DestinationStatistics(active=2, inactive=1)) for each in (ONE, TWO))
    more = ((ONE.destination, DestinationStatistics(active=3, inactive=4)),)
    numbers = {
        KEY: ServiceStatistics(Counters(in_packets=10), rows),
        key: ServiceStatistics(Counters(in_packets=5), more),
    }
    whole = together(numbers, private)
    assert whole.keys() == {KEY}
    assert whole[KEY].counters.in_packets == 15
    assert [(row.active, row.inactive) for _, row in whole[KEY].destinations] == [(5, 5), (2, 1)]
    assert together({KEY: numbers[KEY]}, private) == {KEY: numbers[KEY]}
    empty = together({**numbers, key: ServiceStatistics()}, private)
    assert empty[KEY].destinations == rows


def made(have):
    used = bindings({}, have)
    services = {key: anchor_service_state(GIVEN, SERVED, key, each, None) for key, each in used.items()}
    return join([anchored(have, used)]), services, used


def test_a_controller_reads_back_what_the_one_before_has_anchored():
    have = {flow(1): Anchor(ONE, 7.0), flow(2): Anchor(TWO, 7.0)}
    rules, services, used = made(have)
    rules = replace(rules, sets={**rules.sets, "vips4": NamedSet("ipv4_addr", elements={(str(VIP),): ""})})
    assert read_back(rules, services, FINDER, 7.0) == (have, used)


def test_what_leads_nowhere_is_not_taken_up():
    rules, services, _ = made({flow(1): Anchor(ONE, 7.0)})
    assert read_back(rules, {}, FINDER, 7.0) == ({}, {})
    assert read_back(rules, services, ServiceFinder({}), 7.0) == ({}, {})
    other = ServiceKey(KEY.family, Protocol.NONE, None, 0, 7)
    assert read_back(rules, {other: next(iter(services.values()))}, FINDER, 7.0) == ({}, {})


@pytest.mark.parametrize(
    ("protocol", "address", "name", "kinds"),
    [
        (Protocol.TCP, "10.100.0.1", "anchors_tcp4", {SPOKE, ENDING, REOPENED}),
        (Protocol.UDP, "10.100.0.1", "anchors_udp4", {SPOKE}),
        (Protocol.TCP, "fd00:100::1", "anchors_tcp6", {SPOKE, ENDING, REOPENED}),
    ],
)
def test_each_protocol_and_family_has_a_map_and_sets_of_its_own(protocol, address, name, kinds):
    vip = ip_address(address)
    client = ip_address("198.18.0.1" if vip.version == 4 else "fd00:9::1")
    one = Flow(protocol, client, 4000, vip, 80)
    have = {one: Anchor(ONE, 0.0)}
    part = anchored(have, bindings({}, have))
    (key,) = part.sets[name].elements
    assert noted_flow(protocol, key) == one
    assert part.sets.keys() == {name}
    assert {noted for noted, _, _ in notes(have)} == kinds
    assert all(f"set {each} {{" in part.chains for _, each, _ in notes(have))
    assert f"map @{name}" in part.chains


def test_without_anchors_there_are_no_rules():
    assert anchored({}, {}) == anchored({}, bindings({}, {flow(1): Anchor(ONE, 0.0)}))
    assert (anchored({}, {}).chains, anchored({}, {}).sets) == ("", {})


def test_a_port_that_is_mapped_leads_to_the_members_own():
    given = replace(
        GIVEN,
        vips={
            VIP: replace(
                GIVEN.vips[VIP], services=(Service(Protocol.TCP, 8080, "web", forwarding=Forwarding.NAT),)
            )
        },
    )
    (key,) = served(given)
    binding = Binding(key, ONE.destination)
    (private,) = bindings({}, {flow(1): Anchor(binding, 0.0)})
    (only,) = anchor_service_state(given, served(given), private, binding, None).destinations
    assert (only.key.port, only.method) == (80, ForwardMethod.MASQ)
