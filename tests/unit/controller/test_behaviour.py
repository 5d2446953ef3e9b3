"""What a controller does when the world around it changes; on fakes, through its real loop."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest
from fake_director import FakeDirector, announced, eventually, idle, inventory, running, weights

from clusterlb.controller import daemon
from clusterlb.model.ipvs import DestinationKey
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import Withdraw

VIP, OTHER = ip_address("10.100.0.1"), ip_address("10.100.0.2")


async def test_foreign_edits_of_what_is_ours_are_put_right_and_counted(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        host.ipvs.flush()
        await eventually(lambda: len(host.ipvs.read()) == 1 and weights(host))
        host.links.apply([Withdraw(VIP, Lane.ACTIVE)])
        await controller.readings.links()
        await eventually(lambda: announced(host) == {VIP})
        host.sysctl.write("net/ipv4/vs/sloppy_tcp", "0")
        await eventually(lambda: host.settings()["net/ipv4/vs/sloppy_tcp"] == "1")
        assert controller.store.counts["drift"] == 3


async def test_a_setting_that_the_kernel_tells_of_is_put_right_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(daemon, "SERVICES_EVERY", 3600.0)
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        host.sysctl.write("net/ipv4/vs/sloppy_tcp", "0")
        await controller.readings.settings()
        await eventually(lambda: host.settings()["net/ipv4/vs/sloppy_tcp"] == "1")
        assert controller.store.counts["drift"] == 1


async def test_foreign_services_are_left_alone(tmp_path):
    host = FakeDirector(tmp_path, inventory("10.100.0.9"))
    async with running(host):
        pass
    foreign = next(iter(host.ipvs.read().values()))
    fresh = FakeDirector(tmp_path / "fresh")
    fresh.ipvs = type(host.ipvs)({foreign.service.key: foreign})
    async with running(fresh):
        assert fresh.ipvs.read()[foreign.service.key] == foreign
        assert len(fresh.ipvs.read()) == 2


async def test_a_service_that_cannot_be_programmed_is_not_announced_and_the_others_are(tmp_path):
    host = FakeDirector(tmp_path, inventory("10.100.0.1", "10.100.0.2"))
    real = host.ipvs.apply

    def refuse(steps):
        from clusterlb.model.plan import AddService, StepError

        bad = [s for s in steps if isinstance(s, AddService) and s.service.key.address == OTHER]
        return [StepError(s, 2, "no such scheduler") for s in bad] + real([s for s in steps if s not in bad])

    host.ipvs.apply = refuse
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    await eventually(lambda: announced(host) == {VIP})
    await eventually(lambda: OTHER in controller.store.unprogrammed)
    assert any("no such scheduler" in text for text in controller.store.errors)
    host.ipvs.apply = real
    await eventually(lambda: announced(host) == {VIP, OTHER})
    controller.stop()
    await task


async def test_a_full_disk_stops_a_change_before_it_begins_and_is_told_of(tmp_path):
    host = FakeDirector(tmp_path)
    in_the_way = tmp_path / "state" / "ledger.new"
    in_the_way.mkdir(parents=True)
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    await eventually(lambda: controller.store.errors)
    assert "cannot record what is ours" in controller.store.errors[0]
    assert host.ipvs.read() == {}
    in_the_way.rmdir()
    await eventually(lambda: announced(host) == {VIP})
    controller.stop()
    await task


@pytest.mark.parametrize("order", [["10.2.0.103", "10.2.0.101", "10.2.0.102"]])
async def test_another_insertion_order_is_put_right(tmp_path, order):
    host = FakeDirector(tmp_path)
    async with running(host):
        service = next(iter(host.ipvs.read().values()))
        by = {str(d.key.address): d for d in service.destinations}
        host.ipvs._table[service.service.key].destinations = {
            DestinationKey(ip_address(a), 80): by[a] for a in order
        }
        await eventually(lambda: list(weights(host)) == ["10.2.0.101:80", "10.2.0.102:80", "10.2.0.103:80"])


async def test_down_through_the_running_controller_ends_it_and_counts_no_drift(tmp_path):
    host = FakeDirector(tmp_path)
    before = host.snapshot()
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    await idle(controller)
    assert await controller.down(force=True) == []
    await task
    assert host.snapshot() == before
    assert controller.store.counts["drift"] == 0


async def test_a_down_that_frr_refuses_stays_down_says_so_and_can_be_tried_again(tmp_path):
    host = FakeDirector(tmp_path)
    before = host.snapshot()
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    await idle(controller)
    host.frr.stuck = "ospfd"
    (problem,) = await controller.down(force=True)
    assert "FRR's configuration was not put back" in problem
    assert announced(host) == set()
    await asyncio.sleep(0.3)
    assert host.ipvs.read() == {}
    assert not task.done()
    host.frr.stuck = None
    assert await controller.down(force=True) == []
    await task
    assert host.snapshot() == before


def test_a_second_controller_is_refused(tmp_path):
    from clusterlb.controller.lock import AlreadyRunningError, only_one

    first = only_one(tmp_path / "state")
    with (
        first,
        pytest.raises(AlreadyRunningError, match="another clusterlb runs"),
        only_one(tmp_path / "state"),
    ):
        pass
    with only_one(tmp_path / "state"):
        pass


async def test_a_reading_that_waited_for_its_turn_does_not_put_off_the_next(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        async with controller.reconciler.lock:
            reading = asyncio.create_task(controller.readings.services())
            await asyncio.sleep(0.5)
        await reading
        host.ipvs.flush()
        await eventually(lambda: len(host.ipvs.read()) == 1, 9)  # put off, it would be 10 s: LONGEST_PAUSE
