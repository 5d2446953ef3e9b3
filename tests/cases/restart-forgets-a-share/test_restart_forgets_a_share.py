"""A member at a quarter of its weight, and a controller that is started again."""

from __future__ import annotations

from dataclasses import replace

from fake_director import FakeDirector, eventually, inventory, running, unheard, weights


async def test_a_share_stays_until_the_checks_have_spoken(tmp_path):
    given = inventory()
    web = given.pools["web"]
    heavy = replace(web, members=tuple(replace(member, weight=4) for member in web.members))
    host = FakeDirector(tmp_path, replace(given, pools={"web": heavy}))
    async with running(host) as controller:
        controller.engine.shares["10.2.0.101:80"] = 25
        await eventually(lambda: weights(host)["10.2.0.101:80"] == 1)
    mark = len(host.ipvs.applied)
    async with unheard(host):
        assert host.ipvs.applied[mark:] == []
    assert weights(host) == {"10.2.0.101:80": 1, "10.2.0.102:80": 4, "10.2.0.103:80": 4}
