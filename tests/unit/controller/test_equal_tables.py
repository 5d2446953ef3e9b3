"""Directors that have seen different histories end with equal tables."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import FakeDirector, eventually, idle, inventory, running, take_over

from clusterlb.core.digest import table_digest
from clusterlb.model.inventory import Member
from tests.support import intents

WEIGHTS = (4, 2, 1, 8)
MEMBER = "10.2.0.103:80"
ITS_WEIGHT = WEIGHTS[103 % 4]


def weighted(*lasts, digest="1"):
    """Return an inventory whose pool has the members with these last numbers of their addresses."""
    given = inventory(digest=digest)
    members = tuple(Member(ip_address(f"10.2.0.{last}"), 80, weight=WEIGHTS[last % 4]) for last in lasts)
    return replace(given, pools={"web": replace(given.pools["web"], members=members)})


FINAL = weighted(101, 109, 102, 103, digest="final")


def only_service(host):
    (state,) = host.ipvs.read().values()
    return state


def table(host):
    return table_digest(only_service(host))


def weight(host):
    return {str(one.key): one.weight for one in only_service(host).destinations}.get(MEMBER)


async def reloaded(host, controller, given):
    take_over(controller.store, given)
    host.engine.set_probes(controller.store.index.probes)
    await idle(controller)


async def fresh(tmp_path):
    """Return the table of a director that has seen nothing but the end."""
    host = FakeDirector(tmp_path / "fresh", FINAL)
    async with running(host):
        return table(host)


async def insertion_in_the_middle(host):
    host.inventory = weighted(101, 102, 103)
    async with running(host) as controller:
        await reloaded(host, controller, FINAL)


async def missed_updates(host):
    """Its controller was away while the members changed twice."""
    host.inventory = weighted(103, 104, 105)
    async with running(host):
        pass
    host.inventory = FINAL
    async with running(host):
        pass


async def taken_out_and_put_back(host):
    async with running(host) as controller:
        await reloaded(host, controller, weighted(101, 102, 103, digest="less"))
        await reloaded(host, controller, weighted(103, 101, 102, digest="moved"))
        await reloaded(host, controller, FINAL)


async def flushed_kernel(host):
    async with running(host) as controller:
        host.ipvs.flush()
        await controller.readings.services()
        await idle(controller)


async def down_at_a_share(host):
    async with running(host) as controller:
        host.engine.shares[MEMBER] = 25
        await eventually(lambda: weight(host) == ITS_WEIGHT // 4)
        host.engine.down.add(MEMBER)
        await eventually(lambda: weight(host) == 0)
        host.engine.down.clear()
        host.engine.shares.clear()
        await eventually(lambda: weight(host) == ITS_WEIGHT)
        await idle(controller)


async def restart_mid_drain(host):
    async with running(host) as controller:
        await controller.intents.set(intents.drain(f"member/web/{MEMBER}", force=True))
        await eventually(lambda: not weight(host))
    async with running(host) as controller:
        controller.intents.clear(*controller.intents.standing[0].name)
        await idle(controller)


HISTORIES = [
    insertion_in_the_middle,
    missed_updates,
    taken_out_and_put_back,
    flushed_kernel,
    down_at_a_share,
    restart_mid_drain,
]


@pytest.mark.parametrize("history", HISTORIES)
async def test_histories_that_must_end_equal(tmp_path, history):
    host = FakeDirector(tmp_path / "old", FINAL)
    await history(host)
    assert table(host) == await fresh(tmp_path)


async def test_while_a_member_drains_too(tmp_path):
    """One director's controller restarts meanwhile, the other one's goes on."""
    found = []
    for number, restarts in enumerate((True, False)):
        host = FakeDirector(tmp_path / str(number), FINAL)
        async with running(host) as controller:
            await controller.intents.set(intents.drain(f"member/web/{MEMBER}", force=True))
            await idle(controller)
        if restarts:
            async with running(host):
                pass
        found.append(table(host))
    assert found[0] == found[1] != await fresh(tmp_path)
