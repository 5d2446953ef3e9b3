"""SIGKILL after every single step of bring-up, reload and down; then a fresh start, or a second down."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from fake_director import Crash, FakeDirector, Fuse, idle, inventory

from clusterlb.controller.leave import leave
from clusterlb.model.ospf import Lane


async def run_until_idle(host, fuse=None, then=None):
    """Run a controller until it has nothing to do, or is killed; say whether it was killed."""
    controller = host.controller(fuse)
    task = asyncio.create_task(controller.run())
    ready = asyncio.create_task(idle(controller))
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    killed = task.done()
    if not killed:
        await ready
        if then is not None:
            killed = await then(controller, task)
    ready.cancel()
    controller.stop()
    with suppress(Crash, asyncio.CancelledError):
        await task
    with suppress(asyncio.CancelledError, Crash, AssertionError):
        await ready
    return killed


def as_inventory(host):
    """Say whether the host is as its inventory wants it, with every member up."""
    links = host.links.read()
    services = host.ipvs.read()
    vips = set(host.inventory.vips)
    return (
        dict(links.announced) == {vip: frozenset({Lane.ACTIVE}) for vip in vips}
        and links.local_routes == vips
        and {key.address for key in services} == vips
        and all(
            [d.weight for d in s.destinations] == [1] * len(host.inventory.pools["web"].members)
            for s in services.values()
        )
        and set(host.settings().values()) == {"1"}
    )


async def test_a_start_brings_the_director_up_and_a_second_one_changes_nothing(tmp_path):
    host = FakeDirector(tmp_path)
    await run_until_idle(host)
    assert as_inventory(host)
    before, steps, configured = host.snapshot(), len(host.ipvs.applied), host.frr.applied
    await run_until_idle(host)
    assert host.snapshot() == before
    assert (len(host.ipvs.applied), host.frr.applied) == (steps, configured)


async def count_steps(root, action):
    fuse = Fuse()
    await action(FakeDirector(root), fuse)
    return fuse.burnt


async def bring_up(host, fuse):
    await run_until_idle(host, fuse)


async def test_killed_after_any_step_of_bring_up(tmp_path):
    steps = await count_steps(tmp_path / "count", bring_up)
    assert steps > 10
    for number in range(steps):
        host = FakeDirector(tmp_path / str(number))
        killed = await run_until_idle(host, Fuse(number))
        assert killed, f"step {number}"
        links = host.links.read()
        for vip in links.announced:  # the law: what is announced is served
            assert vip in links.local_routes
            assert any(key.address == vip for key in host.ipvs.read())
        await run_until_idle(host)
        assert as_inventory(host), f"killed before step {number}"


def reloaded(host):
    """One VIP goes, one comes, a member comes."""
    return inventory("10.100.0.2", "10.100.0.3", members=4, digest="2")


async def reload(host, fuse):
    host.inventory = inventory("10.100.0.1", "10.100.0.2")
    await run_until_idle(host)
    host.inventory = reloaded(host)
    return await run_until_idle(host, fuse)


async def test_killed_after_any_step_of_a_reload(tmp_path):
    steps = await count_steps(tmp_path / "count", reload)
    assert steps > 5
    for number in range(steps):
        host = FakeDirector(tmp_path / str(number))
        assert await reload(host, Fuse(number))
        await run_until_idle(host)
        assert as_inventory(host), f"killed before step {number}"


async def take_down(host, fuse):
    """Take the director down with a controller that is killed when the fuse says so."""
    controller = host.controller(fuse)
    try:
        return await leave(
            controller.reconciler.kernel,
            controller.drivers.frr,
            controller.reconciler.ledger,
            controller.reconciler.applier,
        )
    finally:
        with suppress(Crash):
            await controller.reconciler.kernel.close()


async def up_and_down(host, fuse):
    await run_until_idle(host)
    return await take_down(host, fuse)


async def test_down_leaves_everything_as_it_was_before_up(tmp_path):
    host = FakeDirector(tmp_path)
    before = host.snapshot()
    assert await up_and_down(host, Fuse()) == []
    assert host.snapshot() == before
    assert not (tmp_path / "state" / "ledger.json").exists()


async def test_killed_after_any_step_of_down(tmp_path):
    steps = await count_steps(tmp_path / "count", up_and_down)
    assert steps > 7
    for number in range(steps):
        for again in ("up", "down"):
            host = FakeDirector(tmp_path / f"{number}{again}")
            before = host.snapshot()
            await run_until_idle(host)
            with pytest.raises(Crash):
                await take_down(host, Fuse(number))
            if again == "up":
                await run_until_idle(host)
                assert as_inventory(host), f"killed before step {number}"
            assert await take_down(host, Fuse()) == []
            assert host.snapshot() == before, f"killed before step {number}, then {again}"


def test_the_snapshot_sees_a_difference(tmp_path):
    one, two = FakeDirector(tmp_path / "1"), FakeDirector(tmp_path / "2")
    assert one.snapshot() == two.snapshot()
    two.sysctl.write("net/ipv4/vs/sloppy_tcp", "1")
    assert one.snapshot() != two.snapshot()
