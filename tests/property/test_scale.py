"""Directors that look at different moments: always the right number of active ones in the end."""

from __future__ import annotations

import random
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.scale import lane
from clusterlb.model.ospf import Lane

ROUTERS = [IPv4Address(f"10.1.0.{n}") for n in range(1, 13)]


class Cluster:
    """What the link-state database holds of each director; each sees it when it looks."""

    def __init__(self, width, preempt, alive=()):
        self.width, self.preempt = width, preempt
        self.lanes = dict.fromkeys(alive)

    def look(self, own, seen=None):
        """One director looks, at the present or an older state, and acts."""
        seen = self.lanes if seen is None else seen
        others = {r: where for r, where in seen.items() if r != own and where is not None}
        self.lanes[own] = lane(own, self.lanes[own], others, ROUTERS, self.width, preempt=self.preempt)

    def active(self):
        return [r for r, where in self.lanes.items() if where is Lane.ACTIVE]

    def settle(self, dice):
        """Let everybody look in some order until nothing changes; return the rounds it took."""
        for rounds in range(30):
            before = dict(self.lanes)
            for own in dice.sample(list(self.lanes), len(self.lanes)):
                self.look(own)
            if self.lanes == before:
                return rounds
        raise AssertionError(f"never settles: {self.lanes}")

    def right(self):
        return len(self.active()) == min(len(self.lanes), self.width)


alive = st.lists(st.sampled_from(ROUTERS), unique=True, min_size=1)
widths = st.integers(1, 12)


@given(alive, widths, st.booleans(), st.randoms(use_true_random=False))
def test_from_nothing_there_are_as_many_active_as_there_are_places(routers, width, preempt, dice):
    cluster = Cluster(width, preempt, routers)
    assert cluster.settle(dice) <= 4
    assert cluster.right()


@given(alive, widths, st.booleans(), st.randoms(use_true_random=False), st.data())
def test_from_any_state_it_settles_within_few_looks(routers, width, preempt, dice, data):
    cluster = Cluster(width, preempt, routers)
    for router in routers:
        cluster.lanes[router] = data.draw(st.sampled_from([None, *Lane]))
    assert cluster.settle(dice) <= 5
    assert cluster.right()


@given(alive, widths, st.randoms(use_true_random=False), st.data())
def test_one_that_leaves_is_replaced_and_the_others_stay(routers, width, dice, data):
    cluster = Cluster(width, False, routers)
    cluster.settle(dice)
    gone = data.draw(st.sampled_from(routers))
    stayed = set(cluster.active()) - {gone}
    del cluster.lanes[gone]
    if cluster.lanes:
        cluster.settle(dice)
        assert stayed <= set(cluster.active())
        assert cluster.right()
        # and when it is back it takes no one's place
        before = set(cluster.active())
        cluster.lanes[gone] = None
        cluster.settle(dice)
        assert before <= set(cluster.active())


def test_with_preempt_the_first_in_the_order_come_back():
    dice = random.Random(1)
    cluster = Cluster(8, True, ROUTERS)
    cluster.settle(dice)
    assert cluster.active() == ROUTERS[:8]
    del cluster.lanes[ROUTERS[0]]
    cluster.settle(dice)
    assert set(cluster.active()) == set(ROUTERS[1:9])
    cluster.lanes[ROUTERS[0]] = None
    cluster.settle(dice)
    assert set(cluster.active()) == set(ROUTERS[:8])


@given(alive, widths, st.randoms(use_true_random=False), st.data())
def test_looks_at_the_past_do_no_lasting_harm(routers, width, dice, data):
    cluster = Cluster(width, False, routers)
    past = [dict(cluster.lanes)]
    for _ in range(20):
        cluster.look(dice.choice(routers), data.draw(st.sampled_from(past)))
        past = [*past[-3:], dict(cluster.lanes)]
    cluster.settle(dice)
    assert cluster.right()
