"""`on_down: remove`: a member that is DOWN is out of the table, and nobody knows of it after a start."""

from __future__ import annotations

from dataclasses import replace

import pytest
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

from clusterlb.model.check import CheckSpec, ProbeSpec, VerdictState
from clusterlb.model.inventory import OnDown

MEMBER = "10.2.0.101:80"


def removing(initial=VerdictState.UNKNOWN, on_down=OnDown.REMOVE, **more):
    given = inventory(**more)
    web = given.pools["web"]
    (check,) = web.checks
    pool = replace(web, on_down=on_down, checks=(replace(check, initial=initial),))
    return replace(given, pools={"web": pool})


@pytest.mark.parametrize("initial", VerdictState)
@pytest.mark.parametrize("on_down", OnDown)
async def test_a_start_gives_a_dead_member_nothing(tmp_path, initial, on_down):
    host = FakeDirector(tmp_path, removing(initial, on_down))
    async with running(host) as controller:
        controller.engine.down.add(MEMBER)
        await eventually(lambda: not weights(host).get(MEMBER))
    before, mark = weights(host), len(host.ipvs.applied)
    async with unheard(host):
        assert host.ipvs.applied[mark:] == []
        assert announced(host) == {VIP}
    assert weights(host) == before


async def test_a_reload_with_another_check_gives_it_nothing(tmp_path):
    host = FakeDirector(tmp_path, removing())
    async with running(host) as controller:
        controller.engine.down.add(MEMBER)
        await eventually(lambda: MEMBER not in weights(host))
        host.engine.silent = True
        mark, store = len(host.ipvs.applied), controller.store
        given = removing(digest="2")
        other = replace(given.pools["web"], checks=(CheckSpec(ProbeSpec(interval=9.0)),))
        take_over(store, replace(given, pools={"web": other}))
        await eventually(lambda: not store.dirty and not controller.reconciler.plan())
        assert host.ipvs.applied[mark:] == []
        assert announced(host) == {VIP}
