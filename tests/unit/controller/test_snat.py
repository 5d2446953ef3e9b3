"""What follows from what the others announce, step by step in time."""

from dataclasses import replace

import pytest
from fake_director import change_health

from clusterlb.controller.snat import COUNT_EVERY, GRACE, MENDS, Snat
from clusterlb.controller.store.events import InForce
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.store import Store
from clusterlb.core.snat.buckets import current
from clusterlb.core.snat.place import SETTLE
from clusterlb.core.snat.state import NO_SNAT
from clusterlb.drivers.interface import DriverError
from clusterlb.model.address import AddressFamily
from clusterlb.model.intent import Drain
from clusterlb.model.ospf import Lane
from clusterlb.model.rules import NO_RULES
from clusterlb.model.target import DIRECTOR
from tests.unit.core.snat.test_place import HERE, INVENTORY, OWN, POOL, SERVING, SIX, view

KEY = ("internet", AddressFamily.IPV4)
OTHERS = {"d2": SERVING["d2"], "d3": SERVING["d3"]}


class Rig:
    def __init__(self):
        self.now, self.flows = 1000.0, 0
        self.store = Store(Index(INVENTORY, HERE), lambda: self.now)
        change_health(self.store, ospf_full=1, ospf6_full=1)
        self.snat = self.begin()

    def begin(self):
        return Snat(self.store, self.count, wall=lambda: self.now)

    async def count(self, addresses):
        assert set(addresses) == {OWN["d1"], SIX}
        if self.flows is None:
            raise DriverError("no")
        return self.flows

    async def see(self, lanes, dead=()):
        """Take in what the others announce now, and carry out what comes of it."""
        seen = view(lanes, dead)
        self.store.handle(replace(seen, taken_at=self.now))
        await self.snat.tick()
        self.load()
        await self.snat.tick()
        return self.snat.buckets[KEY]

    def load(self):
        self.store.actual.rules = self.store.rules
        announced = {address: one.lanes for address, one in self.store.snat.own.items() if one.lanes}
        links = self.store.actual.links
        self.store.actual.links = replace(links, announced=announced, peers=self.store.snat.peers)

    def peers(self):
        """Return how many directors flows can be sent to."""
        return len({peer.mark for peer in self.store.snat.peers})

    def drain(self, patience=None):
        intent = Drain(target=DIRECTOR, who="root", reason="updates", made=self.now, patience=patience)
        self.store.handle(InForce(drains={None: intent}))


@pytest.fixture
def rig():
    return Rig()


async def test_who_joins_takes_buckets_and_remembers_whose_they_were(rig):
    found = await rig.see(OTHERS)
    assert found.current == current(SERVING)
    mine = [bucket for bucket, owner in enumerate(found.current) if owner == "d1"]
    assert mine
    assert all(found.previous[bucket] == current(OTHERS)[bucket] for bucket in mine)
    assert await rig.see(SERVING) == found


async def test_who_joins_announces_nothing_before_it_knows_whose_the_flows_are(rig):
    await rig.snat.tick()
    rig.load()
    await rig.snat.tick()
    assert not any(decision.lanes for decision in rig.store.snat.own.values())
    assert not rig.store.snat.gateway
    found = await rig.see(OTHERS)
    assert all(decision.lanes for decision in rig.store.snat.own.values())
    assert set(found.previous) == {None, "d2", "d3"}


async def test_without_pools_nothing_of_theirs_stays(rig):
    await rig.see(SERVING)
    rig.store.handle(Index(replace(INVENTORY, snat_pools={}), HERE))
    await rig.snat.tick()
    assert rig.store.snat == NO_SNAT
    assert not rig.store.own
    assert not rig.store.rules.chains


async def test_a_restart_goes_on_with_what_the_kernel_has(rig):
    found = await rig.see(OTHERS)
    rig.snat = rig.begin()
    rig.store.cluster_view = None
    await rig.snat.tick()
    assert rig.snat.buckets[KEY] == found
    assert rig.peers() == 2
    assert await rig.see(SERVING) == found


async def test_a_restart_decides_at_once_what_was_decided_before(rig):
    await rig.see(OTHERS)
    await rig.see(SERVING)
    before = rig.store.snat
    assert before.gateway
    rig.snat = rig.begin()
    rig.store.cluster_view = None
    rig.store.handle(NO_SNAT)
    rig.snat.look()
    assert rig.store.snat == before


async def test_addresses_stay_while_the_rules_are_put_right_but_not_for_ever(rig):
    await rig.see(SERVING)
    before = rig.store.snat
    rig.store.actual.rules = NO_RULES
    await rig.snat.tick()
    assert rig.store.snat == before
    rig.now += MENDS
    await rig.snat.tick()
    assert not any(decision.lanes for decision in rig.store.snat.own.values())
    assert not rig.store.snat.gateway


async def test_who_has_no_addresses_is_a_gateway_once_it_knows_who_has(rig):
    pool = replace(POOL, addresses={name: POOL.addresses[name] for name in ("d2", "d3")})
    rig.store.handle(Index(replace(INVENTORY, snat_pools={"internet": pool}), HERE))
    await rig.snat.tick()
    rig.load()
    await rig.snat.tick()
    assert not rig.store.snat.gateway
    await rig.see(OTHERS)
    assert rig.store.snat.gateway


async def test_nothing_changes_while_the_database_is_no_evidence(rig):
    found = await rig.see(SERVING)
    rig.now += 60
    await rig.snat.tick()
    assert rig.snat.buckets[KEY] == found
    assert rig.peers() == 2


async def test_flows_wait_a_while_for_a_director_that_has_died(rig):
    await rig.see(SERVING)
    found = await rig.see(SERVING, dead=("d2",))
    assert "d2" not in found.current
    assert "d2" in found.previous
    assert rig.peers() == 2
    rig.now += GRACE
    found = await rig.see(SERVING, dead=("d2",))
    assert "d2" not in found.previous
    assert rig.peers() == 1


async def test_the_gateway_comes_last_and_goes_first(rig):
    seen = view(SERVING)
    rig.store.handle(replace(seen, taken_at=rig.now))
    await rig.snat.tick()
    assert not rig.store.snat.gateway
    rig.load()
    rig.snat.look()
    assert not rig.store.snat.gateway, "the addresses are not announced yet"
    rig.load()
    rig.snat.look()
    assert rig.store.snat.gateway
    rig.drain()
    await rig.snat.tick()
    assert not rig.store.snat.gateway
    assert rig.store.snat.own[OWN["d1"]].lanes == {Lane.ACTIVE}


async def test_a_drain_ends_with_the_last_flow(rig):
    await rig.see(SERVING)
    rig.drain()
    rig.flows = 3
    without = {"d2": SERVING["d2"], "d3": SERVING["d3"], "d1": {"d1": Lane.ACTIVE, "d3": Lane.DRAINED}}
    await rig.see(without)
    assert rig.store.snat.own[OWN["d3"]].lanes == {Lane.DRAINED}
    rig.now += 10 * SETTLE
    await rig.see(without)
    assert rig.store.snat.own[OWN["d1"]].lanes == {Lane.ACTIVE}
    rig.flows = None
    rig.now += COUNT_EVERY
    await rig.see(without)
    assert rig.store.snat.own[OWN["d1"]].lanes == {Lane.ACTIVE}
    rig.flows = 0
    rig.now += COUNT_EVERY
    await rig.see(without)
    assert not any(decision.lanes for decision in rig.store.snat.own.values())


async def test_a_drain_ends_at_its_deadline(rig):
    await rig.see(SERVING)
    rig.drain(patience=30.0)
    rig.flows = 3
    rig.now += 29
    await rig.see(SERVING)
    assert rig.store.snat.own[OWN["d1"]].lanes
    rig.now += 1
    await rig.see(SERVING)
    assert not rig.store.snat.own[OWN["d1"]].lanes


async def test_a_second_drain_has_its_whole_time(rig):
    await rig.see(SERVING)
    rig.drain()
    rig.flows = 3
    rig.now += 60
    await rig.see(SERVING)
    rig.store.handle(InForce())
    await rig.see(SERVING)
    rig.drain()
    rig.flows = 0
    await rig.see(SERVING)
    assert rig.store.snat.own[OWN["d1"]].lanes, "no flow has been looked for since it began"
    rig.now += 60
    await rig.see(SERVING)
    assert not rig.store.snat.own[OWN["d1"]].lanes


async def test_who_comes_back_asks_those_who_had_its_buckets_meanwhile(rig):
    await rig.see(SERVING)
    rig.drain()
    rig.flows = 1
    await rig.see({**OTHERS, "d1": {"d1": Lane.ACTIVE, "d3": Lane.DRAINED}})
    rig.store.handle(InForce())
    found = await rig.see(SERVING)
    mine = [bucket for bucket, owner in enumerate(found.current) if owner == "d1"]
    meanwhile = current(OTHERS)
    assert all(found.previous[bucket] == meanwhile[bucket] for bucket in mine)


async def test_who_joins_while_another_leaves_asks_the_one_that_leaves(rig):
    """It looks only now and then: that it serves, and that another does no more, may be in one look."""
    await rig.see(OTHERS)
    found = await rig.see(SERVING | {"d2": {"d2": Lane.ACTIVE, "d1": Lane.DRAINED}})
    mine = [bucket for bucket, owner in enumerate(found.current) if owner == "d1"]
    meanwhile = current(OTHERS)
    assert {meanwhile[bucket] for bucket in mine} == {"d2", "d3"}
    assert all(found.previous[bucket] == meanwhile[bucket] for bucket in mine)
