"""What directors say of anchored flows, and what follows."""

from ipaddress import ip_address

import pytest

from clusterlb.core import sightings
from clusterlb.core.anchors import GRACE
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.served import served
from clusterlb.core.sightings import REMEMBERED, merged, remembered, worth_telling
from clusterlb.model.anchor import Anchor, Binding, Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, Protocol
from tests.support.fake_director import VIP, inventory

SERVED = served(inventory())
FINDER = ServiceFinder(SERVED)
(KEY,) = SERVED
ONE, TWO = (DestinationKey(ip_address(f"10.2.0.{last}"), 80) for last in (101, 102))
NOW, MEMORY = 10_000.0, 7440.0


def flow(number=0, **changes):
    return Flow(Protocol.TCP, ip_address("198.18.0.1"), 1024 + number, VIP, 80)._replace(**changes)


def anchor(member, heard):
    return Anchor(Binding(KEY, member), heard)


def take(*seen, before=(), over=(), stands=lambda _: True):
    return merged(dict(before), dict(over), seen, FINDER, now=NOW, memory=MEMORY, stands=stands)


def test_what_a_peer_sees_is_anchored_here_too():
    found = take(Sighting(flow(), ONE, 9000.0))
    assert found == ({flow(): anchor(ONE, 9000.0)}, {}, 0)


def test_the_last_word_stands_whatever_comes_first():
    old, new = Sighting(flow(), ONE, 9000.0), Sighting(flow(), TWO, 9500.0)
    for order in ((old, new), (new, old)):
        assert take(*order).anchors == {flow(): anchor(TWO, 9500.0)}
    at_once = Sighting(flow(), ONE, 9500.0)
    assert take(at_once, new).anchors == take(new, at_once).anchors == {flow(): anchor(TWO, 9500.0)}


def test_a_flow_that_is_over_has_no_anchor_and_older_words_bring_none():
    end, life = Sighting(flow(), None, 9900.0), Sighting(flow(), ONE, 9900.0 + GRACE / 2)
    for order in ((end, life), (life, end)):
        found = take(*order)
        assert (found.anchors, found.over) == ({}, {flow(): 9900.0})
    again = Sighting(flow(), ONE, 9700.0 + GRACE + 1)
    ended = Sighting(flow(), None, 9700.0)
    for order in ((ended, again), (again, ended)):
        assert take(*order).anchors == {flow(): anchor(ONE, again.at)}


def test_the_last_end_counts():
    found = take(Sighting(flow(), None, 9900.0), over={flow(): 9950.0})
    assert found.over == {flow(): 9950.0}


def test_an_end_of_long_ago_is_not_remembered():
    late, life = Sighting(flow(), None, NOW - REMEMBERED), Sighting(flow(), ONE, NOW - REMEMBERED + 1)
    for order in ((late, life), (life, late)):
        assert take(*order) == ({flow(): anchor(ONE, life.at)}, {}, 0)
    assert remembered({flow(0): NOW - REMEMBERED, flow(1): NOW}, NOW) == {flow(1): NOW}


def test_a_word_that_is_too_old_counts_no_more_and_none_comes_from_the_future():
    assert take(Sighting(flow(), ONE, NOW - MEMORY)).anchors == {}
    assert take(Sighting(flow(), ONE, NOW + 100)).anchors == {flow(): anchor(ONE, NOW)}


@pytest.mark.parametrize(
    ("given", "stands"),
    [(flow(port=81), True), (flow(), False)],
    ids=["no such service", "the member does not stand"],
)
def test_what_is_of_no_use_here_is_counted(given, stands):
    found = take(Sighting(given, ONE, 9000.0), stands=lambda _: stands)
    assert found == ({}, {}, 1)


def test_who_is_there_stays_when_there_is_no_more_room(monkeypatch):
    monkeypatch.setattr(sightings, "MOST", 2)
    before = {flow(n): anchor(ONE, 9000.0) for n in range(2)}
    found = take(Sighting(flow(2), ONE, 9900.0), Sighting(flow(1), TWO, 9900.0), before=before)
    assert found.anchors == {flow(0): anchor(ONE, 9000.0), flow(1): anchor(TWO, 9900.0)}
    assert found.unusable == 1
    ends = {flow(n): 9900.0 for n in range(2)}
    found = take(Sighting(flow(2), None, 9900.0), Sighting(flow(1), None, 9950.0), over=ends)
    assert found.over == {flow(0): 9900.0, flow(1): 9950.0}


def test_what_is_told_is_news_an_end_or_that_a_flow_lives_on_three_times_in_its_time():
    said = Sighting(flow(), ONE, 1000.0)
    assert worth_telling(said, None, MEMORY)
    assert not worth_telling(replace_at(said, 1000.0 + MEMORY / 3 - 1), said, MEMORY)
    assert worth_telling(replace_at(said, 1000.0 + MEMORY / 3), said, MEMORY)
    assert worth_telling(said._replace(destination=TWO), said, MEMORY)
    end = said._replace(destination=None)
    assert worth_telling(end, said, MEMORY)
    assert not worth_telling(replace_at(end, 1e6), end, MEMORY)


def replace_at(sighting, at):
    return sighting._replace(at=at)
