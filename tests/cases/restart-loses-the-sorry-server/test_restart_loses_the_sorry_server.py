"""All members are DOWN, the sorry server answers. Then the controller starts again, or the pool grows."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from fake_director import (
    VIP,
    FakeDirector,
    announced,
    eventually,
    inventory,
    running,
    take_over,
    unheard,
    weights,
)

from clusterlb.core.member import MemberState
from clusterlb.core.quorum import Standing, standing
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Member, Sorry
from clusterlb.model.reason import Reason

SORRY = Sorry(ip_address("10.2.0.200"), 80)


def sorry_inventory(members=3):
    given = inventory(members=members)
    return replace(given, pools={"web": replace(given.pools["web"], sorry=SORRY)})


async def outage(host, controller):
    host.engine.down |= {f"10.2.0.{100 + n}:80" for n in range(1, 4)}
    await eventually(lambda: weights(host).get("10.2.0.200:80") == 1)
    await eventually(lambda: not controller.store.dirty and not controller.reconciler.plan())


async def test_the_sorry_server_serves_on(tmp_path):
    host = FakeDirector(tmp_path, sorry_inventory())
    async with running(host) as controller:
        await outage(host, controller)
    before, mark = weights(host), len(host.ipvs.applied)
    assert sum(before.values()) == 1
    async with unheard(host) as controller:
        assert host.ipvs.applied[mark:] == []
        assert announced(host) == {VIP}
        assert controller.store.decided[VIP].because.reason is Reason.SORRY
    assert weights(host) == before


async def test_a_member_appended_during_the_outage_changes_nothing(tmp_path):
    host = FakeDirector(tmp_path, sorry_inventory())
    async with running(host) as controller:
        await outage(host, controller)
        host.engine.silent = True
        before = weights(host)
        store = controller.store
        take_over(store, replace(sorry_inventory(4), digest="2"))
        await eventually(lambda: not store.dirty and not controller.reconciler.plan())
        assert weights(host) == before
        assert announced(host) == {VIP}


def test_a_pool_that_its_sorry_server_serves_stays_so_until_it_is_fit():
    pool = sorry_inventory().pools["web"]
    grown = replace(pool, members=(*pool.members, Member(ip_address("10.2.0.104"), 80)))
    down, unknown, up = map(MemberState, (VerdictState.DOWN, VerdictState.UNKNOWN, VerdictState.UP))
    outage = standing(pool, [down] * 3, Standing(3, 0, 3, 1, fit=True))
    assert outage.sorry
    open_ = standing(grown, [down, down, down, unknown], outage)
    assert open_.sorry
    assert standing(grown, [down, down, down, down], open_).sorry
    assert standing(grown, [down, down, down, up], open_).fit
