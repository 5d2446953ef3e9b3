"""VIPs that VRRP moves, on fakes, through the controller's real loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import VIP, Crash, FakeDirector, Fuse, eventually, idle, inventory, running
from intents import drain
from lsdbs import star, stub

from clusterlb.api.metrics import exposition
from clusterlb.cli.status import show
from clusterlb.controller.judgement import troubles
from clusterlb.controller.status import status
from clusterlb.core.guard import refused_down, refused_drain
from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import Director, Vrrp
from clusterlb.model.lsdb import Databases
from clusterlb.model.ospf import Lane, Uplink
from clusterlb.model.reason import Reason
from clusterlb.model.vrrp import VrrpState

OSPF = ip_address("10.100.0.2")
PLACE = ("e0", 10)


def cluster(*, preempt=True, order=("d1", "d2")):
    """Return an inventory of two directors: VRRP moves 10.100.0.1, OSPF announces 10.100.0.2."""
    given = inventory(str(VIP), str(OSPF))
    directors = {
        name: Director(name, ip_address(f"10.1.0.{name[1]}"), (Uplink("e0"),)) for name in ("d1", "d2")
    }
    vips = {**given.vips, VIP: replace(given.vips[VIP], ha=Vrrp(order, 10, ("e0",), preempt=preempt))}
    return replace(given, directors=directors, vips=vips)


@pytest.fixture
def make(tmp_path):
    def director(**options) -> FakeDirector:
        host = FakeDirector(tmp_path, cluster(**options))
        for name in ("arp_ignore", "arp_announce"):
            file = host.proc / "net/ipv4/conf/e0" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("0\n")
        return host

    return director


def lines(host):
    """Return what FRR runs of VRRP."""
    return [line.text for line in host.frr.lines if line.text.startswith("vrrp 10")]


STANDS = ["vrrp 10", "vrrp 10 priority 200", "vrrp 10 advertisement-interval 200", "vrrp 10 ip 10.100.0.1"]


async def test_a_director_stands_when_its_members_answer(make):
    host = make()
    async with running(host) as controller:
        await idle(controller)
        assert lines(host) == STANDS
        links = host.links.read()
        assert {device.address for device in links.devices} == {VIP}
        assert set(links.announced) == {OSPF}
        assert links.local_routes == {VIP, OSPF}
        assert host.sysctl.read(["net/ipv4/conf/e0/arp_ignore"]) == {"net/ipv4/conf/e0/arp_ignore": "1"}
        assert await controller.down(force=True) == []
    assert lines(host) == []
    assert host.links.read().devices == frozenset()
    assert host.sysctl.read(["net/ipv4/conf/e0/arp_ignore"]) == {"net/ipv4/conf/e0/arp_ignore": "0"}


async def test_checks_move_it(make):
    host = make()
    async with running(host) as controller:
        await idle(controller)
        host.engine.down = {f"10.2.0.{number}:80" for number in (101, 102, 103)}
        await eventually(lambda: "vrrp 10 shutdown" in lines(host))
        assert VIP in host.links.read().local_routes
        host.engine.down = set()
        await eventually(lambda: lines(host) == STANDS)


@pytest.mark.parametrize("target", ["director", f"vip/{VIP}"])
async def test_a_drain_moves_it_and_its_end_moves_it_back(make, target):
    host = make()
    async with running(host) as controller:
        await idle(controller)
        host.frr.lsdb = Databases(star(2, stub(2, vip=OSPF)))
        await controller.intents.set(drain(target))
        await eventually(lambda: "vrrp 10 priority 1" in lines(host))
        assert "vrrp 10 shutdown" not in lines(host)
        controller.intents.clear(*drain(target).name)
        await eventually(lambda: lines(host) == STANDS)
        await controller.intents.set(drain(target, force=True))
        await eventually(lambda: "vrrp 10 shutdown" in lines(host))


async def test_a_restart_with_checks_that_have_not_spoken_changes_nothing(make):
    host = make()
    async with running(host) as controller:
        await idle(controller)
    before = host.frr.applied, host.links.read()
    controller = host.controller()
    await controller.run(once=True)
    assert (host.frr.applied, host.links.read()) == before


async def test_after_a_reboot_nobody_stands_before_the_checks_have_spoken(make):
    """FRR's file outlives a boot, the devices and IPVS do not."""
    host = make()
    async with running(host) as controller:
        await idle(controller)
    kept = host.frr.lines
    fresh = FakeDirector(host.root, host.inventory)
    fresh.frr.lines = kept
    await fresh.controller().run(once=True)
    assert "vrrp 10 shutdown" in lines(fresh)


@pytest.mark.parametrize("steps", range(25))
async def test_a_crash_after_any_step_is_mended(make, steps):
    host = make()
    fuse = Fuse(steps)
    controller = host.controller(fuse)
    with suppress(Crash):
        await controller.run(once=True)
    async with running(host) as controller:
        await idle(controller)
        assert lines(host) == STANDS


async def test_a_device_that_somebody_deletes_is_made_again(make):
    host = make()
    async with running(host) as controller:
        await idle(controller)
        before = host.links.read().devices
        host.links.devices.clear()
        await controller.readings.links()
        await eventually(lambda: host.links.read().devices == before)
        assert controller.store.counts["drift"] == 1


async def test_a_director_outside_the_order_has_nothing_of_it(make):
    host = make(order=("d2",))
    async with running(host) as controller:
        await idle(controller)
        assert lines(host) == []
        assert host.links.read().devices == frozenset()
        seen = await status(controller)
        row = next(vip for vip in seen.vips if vip.vip == VIP)
        assert (row.announced, row.reason) == ((), Reason.STANDBY)
        assert not troubles(seen), "it is as it should be"


async def test_ospf_goes_on_without_vrrpd(make):
    host = make()
    host.frr.rejects = {"vrrp 10"}
    controller = host.controller()
    task = asyncio.create_task(controller.run())
    await eventually(lambda: set(host.links.read().announced) == {OSPF})
    await eventually(lambda: any("vrrp 10" in error for error in controller.store.errors))
    controller.stop()
    await task


async def test_status_says_who_is_master(make, capsys):
    host = make()
    async with running(host) as controller:
        await idle(controller)
        await controller.look_around()
        seen = await status(controller)
        row = next(vip for vip in seen.vips if vip.vip == VIP)
        assert (row.announced, row.vrrp) == ((Lane.ACTIVE,), VrrpState.MASTER)
        assert not troubles(seen)
        show(seen)
        assert "warning: 10.100.0.1: VRRP's heartbeat goes over e0 alone" in capsys.readouterr().out
        show(seen)
        assert "vrrp master" in capsys.readouterr().out
        assert b'clusterlb_vrrp_master{vip="10.100.0.1"} 1.0' in exposition(seen)
        host.frr.elected_elsewhere = {PLACE}
        await controller.look_around()
        seen = await status(controller)
        assert next(vip for vip in seen.vips if vip.vip == VIP).vrrp is VrrpState.BACKUP
        assert b'clusterlb_vrrp_master{vip="10.100.0.1"} 0.0' in exposition(seen)


async def test_two_masters_are_an_alarm(make):
    host = make()
    async with running(host) as controller:
        await idle(controller)
        await controller.look_around()
        host.frr.received = {PLACE: 5}
        await controller.look_around()
        seen = await status(controller)
        assert any("another one advertises there too" in error for error in seen.errors)
        assert troubles(seen)
        assert b'clusterlb_vrrp_two_masters{vip="10.100.0.1"} 1.0' in exposition(seen)
        await controller.look_around()
        seen = await status(controller)
        assert not seen.errors
        assert b'clusterlb_vrrp_two_masters{vip="10.100.0.1"} 0.0' in exposition(seen)


async def test_vrrpd_that_does_not_answer_is_said(make, monkeypatch):
    host = make()
    async with running(host) as controller:
        await idle(controller)

        async def silent():
            raise DriverError("FRR's vrrpd did not answer within 5 s")

        monkeypatch.setattr(host.frr, "virtual_routers", silent)
        await controller.look_around()
        seen = await status(controller)
        assert seen.errors == ("nobody knows what VRRP has elected: FRR's vrrpd did not answer within 5 s",)


async def test_down_is_refused_while_it_is_master_and_a_drain_where_nobody_could_follow(make):
    host = make(preempt=False)
    async with running(host) as controller:
        await idle(controller)
        await controller.look_around()
        store = controller.store
        around = store.around()
        refused = refused_down(store.inventory, around)
        assert refused.reason is Reason.TOO_FEW_ANNOUNCERS
        assert "drain it before" in refused.text
        refused = refused_drain(drain(f"vip/{VIP}"), store.inventory, around, 0.0, 10.0)
        assert "preempt: false" in refused.text
        host.frr.elected_elsewhere = {PLACE}
        await controller.look_around()
        around = store.around()
        assert refused_drain(drain(f"vip/{VIP}"), store.inventory, around, 0.0, 10.0) is None


async def test_a_drain_of_a_vip_with_preemption_needs_no_evidence(make):
    host = make()
    async with running(host) as controller:
        await idle(controller)
        await controller.look_around()
        around = controller.store.around()
        assert refused_drain(drain(f"vip/{VIP}"), controller.store.inventory, around, 0.0, 10.0) is None
