"""Directors that hear the same words come to the same anchors, in whatever order they hear, and how often."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.finder import ServiceFinder
from clusterlb.core.served import served
from clusterlb.core.sightings import merged
from clusterlb.model.anchor import Anchor, Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, Protocol
from tests.support.fake_director import VIP, inventory

FINDER = ServiceFinder(served(inventory()))
MEMBERS = [None, *(DestinationKey(ip_address(f"10.2.0.{last}"), 80) for last in (101, 102, 103))]
FLOWS = [Flow(Protocol.TCP, ip_address("198.18.0.1"), port, VIP, 80) for port in range(3)]
NOW = 10_000.0
WORDS = st.lists(
    st.builds(
        Sighting,
        st.sampled_from(FLOWS),
        st.sampled_from(MEMBERS),
        st.one_of(st.integers(6000, 10_000), st.integers(6390, 6410)).map(float),
    ),
    max_size=12,
)


def heard(words: list[Sighting], at_a_time: int = 1) -> dict[Flow, Anchor]:
    anchors: dict[Flow, Anchor] = {}
    over: dict[Flow, float] = {}
    for begin in range(0, len(words), at_a_time):
        part = words[begin : begin + at_a_time]
        anchors, over, _ = merged(anchors, over, part, FINDER, now=NOW, memory=7440.0, stands=lambda _: True)
    return anchors


@given(WORDS, st.randoms(), st.integers(1, 12))
def test_the_order_of_words_changes_nothing(words, random, at_a_time):
    other = words + words[::2]
    random.shuffle(other)
    assert heard(other, at_a_time) == heard(words)


@given(WORDS)
def test_a_director_that_joins_knows_what_the_one_it_asked_knows(words):
    anchors, over, _ = merged({}, {}, words, FINDER, now=NOW, memory=7440.0, stands=lambda _: True)
    told = [Sighting(flow, each.binding.destination, each.heard) for flow, each in anchors.items()]
    told += [Sighting(flow, None, at) for flow, at in over.items()]
    assert heard(told) == anchors


@given(WORDS, WORDS, st.randoms())
def test_two_that_were_apart_agree_when_each_has_told_the_other(one, two, random):
    a, b = one + two, two + one
    random.shuffle(b)
    assert heard(a) == heard(b)
