"""Directors that drain at the same second, in a thousand interleavings: nobody is left without a route."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from intents import drain

from clusterlb.core.announce import Decision
from clusterlb.core.drain import Progress
from clusterlb.core.place import QUIET, Surroundings, place
from clusterlb.model.cluster_view import Announcement, ClusterView
from clusterlb.model.inventory import Cluster, Director, Inventory, Vip
from clusterlb.model.ospf import Lane, Uplink
from clusterlb.model.reason import Because, Reason

VIP = ip_address("10.100.0.1")
FIT = Decision(frozenset({Lane.ACTIVE}), Because(Reason.FIT, "web 3/3 up"))
LOOK = 2.0  # seconds between two looks at the link-state database


class Host:
    """One director: what it announces, what it saw last, and how far its drain is."""

    def __init__(self, number, phase):
        self.name = f"d{number}"
        self.router = IPv4Address(f"10.1.0.{number}")
        self.lanes = frozenset({Lane.ACTIVE})
        self.phase = phase
        self.view = None
        self.progress = Progress()
        self.drains = False
        self.waits = False


class Scene:
    """Directors behind one switch. What one announces is in the database a moment later."""

    def __init__(self, count, draining, limit, dice, min_announcers=1):
        self.dice = dice
        self.now = 0.0
        self.hosts = [Host(n, dice.uniform(0, LOOK)) for n in range(1, count + 1)]
        cluster = Cluster(
            "test", (ip_network("10.100.0.0/24"),), max_drained=limit, min_announcers=min_announcers
        )
        directors = {h.name: Director(h.name, h.router, (Uplink("e0"),)) for h in self.hosts}
        self.inventory = Inventory(cluster, directors, {}, {VIP: Vip(VIP, ())})
        for host in self.hosts[:draining]:
            host.drains = True
        self.history = [self.database()]

    def database(self):
        return {h.router: h.lanes for h in self.hosts if h.lanes}

    def look(self, host):
        """Read the database as it was up to half a second ago."""
        seen = self.dice.choice(self.history[-3:])
        rows = tuple(
            Announcement(router, VIP, min(lanes, key=[*Lane].index), 0, False, True, 1.0)
            for router, lanes in seen.items()
        )
        host.view = ClusterView({VIP: rows}, self.now, host.router)

    def act(self, host):
        if host.view is None:
            return
        if host.lanes == {Lane.DRAINED}:
            moved = host.progress.moved_at if host.progress.moved_at is not None else self.now
            host.progress = Progress(moved, moved)
        else:
            host.progress = Progress()
        intent = drain("director")
        around = Surroundings(
            host.router,
            self.now,
            host.view,
            {VIP: host.lanes} if host.lanes else {},
            {None: intent} if host.drains else {},
            progress={VIP: host.progress},
        )
        decided = place(self.inventory.vips[VIP], self.inventory, FIT, around)
        host.waits = decided.because.reason is Reason.DRAIN_WAITS
        host.lanes = decided.lanes

    def run(self, seconds):
        """Pass time in small uneven steps; a random few directors look and act in each."""
        until = self.now + seconds
        while self.now < until:
            self.now += self.dice.uniform(0.1, 0.3)
            for host in self.dice.sample(self.hosts, len(self.hosts)):
                if self.now >= host.phase:
                    host.phase = self.now + LOOK
                    self.look(host)
                if self.dice.random() < 0.7:
                    self.act(host)
                    self.check()
            self.history.append(self.database())

    def check(self):
        assert any(host.lanes for host in self.hosts), f"nobody announces at {self.now:.2f}"
        limit = self.inventory.cluster.max_drained
        if limit is not None:
            assert len(self.out()) <= limit, f"{self.out()} are out at {self.now:.2f}"

    def out(self):
        return [host.name for host in self.hosts if not host.lanes]


@pytest.mark.parametrize("block", range(10))
def test_two_that_drain_at_once_one_goes_and_one_waits(block):
    for seed in range(100):
        dice = random.Random(block * 100 + seed)
        scene = Scene(3, 2, 1, dice)
        scene.run(10 + QUIET)
        (gone,) = scene.out()
        first, second = scene.hosts[:2] if gone == "d1" else reversed(scene.hosts[:2])
        assert second.waits
        assert second.lanes == {Lane.ACTIVE}
        if seed % 10 == 0:
            first.drains = False
            scene.run(10 + QUIET)
            assert scene.out() == [second.name], "when the one is back, the other goes"


@pytest.mark.parametrize("seed", range(8))
def test_when_all_drain_all_still_serve(seed):
    dice = random.Random(seed)
    scene = Scene(4, 4, None, dice)
    scene.run(20)
    assert scene.out() == []
    assert {host.lanes for host in scene.hosts} == {frozenset({Lane.DRAINED})}
    scene.hosts[2].drains = False
    scene.run(20)
    assert scene.hosts[2].lanes == {Lane.ACTIVE}
    assert len(scene.out()) == 3


@pytest.mark.parametrize("seed", range(8))
def test_never_fewer_than_the_inventory_asks_for(seed):
    dice = random.Random(seed)
    scene = Scene(5, 4, None, dice, min_announcers=2)
    scene.run(30)
    carrying = [host for host in scene.hosts if host.lanes and host.lanes != {Lane.DRAINED}]
    assert len(carrying) == 1, "one does not drain, and two would have to stay for anybody to leave"
    assert scene.out() == []


def test_a_drained_director_serves_again_when_the_last_other_goes():
    scene = Scene(2, 1, None, random.Random(7))
    scene.run(15)
    assert scene.out() == ["d1"]
    other = scene.hosts[1]
    other.lanes, other.phase = frozenset(), float("inf")
    other.drains = True
    scene.hosts = [scene.hosts[0]]
    scene.check = lambda: None  # type: ignore[method-assign] # the law is of directors that see each other
    scene.run(10)
    assert scene.hosts[0].lanes == {Lane.DRAINED}


def test_a_forced_drain_waits_for_nobody():
    scene = Scene(2, 0, 1, random.Random(7))
    host = scene.hosts[0]
    around = Surroundings(
        host.router, 100.0, ClusterView({}, 100.0, host.router), {VIP: frozenset({Lane.DRAINED})}
    )
    forced = drain(force=True)
    around = replace(around, drains={None: forced}, progress={VIP: Progress(90.0, 90.0)})
    assert place(scene.inventory.vips[VIP], scene.inventory, FIT, around).lanes == frozenset()
    blind = replace(around, view=None)
    assert place(scene.inventory.vips[VIP], scene.inventory, FIT, blind).lanes == frozenset()
