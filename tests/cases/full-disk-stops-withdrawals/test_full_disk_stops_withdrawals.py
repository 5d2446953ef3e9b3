"""The ledger cannot be written, a setting or a line of FRR's is refused; then members die."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import (
    OTHER_SETTINGS,
    VIP,
    FakeDirector,
    announced,
    eventually,
    inventory,
    running,
    take_over,
    weights,
)

from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import OnDown

MORE = ip_address("10.100.0.2")
MEMBERS = [f"10.2.0.10{n}:80" for n in (1, 2, 3)]


def removing(given, on_down):
    return replace(given, pools={"web": replace(given.pools["web"], on_down=on_down)})


@contextmanager
def full_disk(host):
    in_the_way = host.root / "state" / "ledger.new"
    in_the_way.mkdir()
    yield "cannot record what is ours"
    in_the_way.rmdir()


@contextmanager
def refused_setting(host):
    write = host.sysctl.write

    def refuse(name, value):
        raise DriverError(f"{name}: cannot be written")

    host.sysctl.write = refuse
    for name in ("net/ipv4/vs/sloppy_tcp", *OTHER_SETTINGS):
        (host.proc / name).write_text("0\n")
    yield "cannot be written"
    host.sysctl.write = write


@contextmanager
def refused_line(host):
    host.frr.refuses = "FRR takes no change"
    yield "FRR takes no change"
    host.frr.refuses = ""


@asynccontextmanager
async def broken(host, controller, how, given):
    """Take over an inventory with one VIP more while something is broken."""
    with how(host) as error:
        if how is refused_setting:
            await eventually(lambda: any(error in text for text in controller.store.errors))
        take_over(controller.store, given)
        await eventually(lambda: any(error in text for text in controller.store.errors))
        yield
        assert any(error in text for text in controller.store.errors)


@pytest.mark.parametrize("how", [full_disk, refused_setting, refused_line])
@pytest.mark.parametrize("on_down", OnDown)
async def test_members_that_die_are_taken_out_and_the_vip_is_withdrawn(tmp_path, how, on_down):
    host = FakeDirector(tmp_path, removing(inventory(), on_down))
    more = removing(inventory("10.100.0.1", "10.100.0.2", digest="2", hello=2.0, dead=8.0), on_down)
    async with running(host) as controller:
        async with broken(host, controller, how, more):
            host.engine.down.add(MEMBERS[0])
            await eventually(lambda: not weights(host).get(MEMBERS[0]))
            assert announced(host) == {VIP}
            host.engine.down.update(MEMBERS)
            await eventually(lambda: not announced(host))
            await eventually(lambda: not any(weights(host).values()))
        host.engine.down.clear()
        await eventually(lambda: announced(host) == {VIP, MORE})


async def test_a_vip_that_is_fit_again_comes_back(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        async with broken(host, controller, full_disk, inventory("10.100.0.1", "10.100.0.2", digest="2")):
            host.engine.down.update(MEMBERS)
            await eventually(lambda: not announced(host))
            host.engine.down.clear()
            await eventually(lambda: announced(host) == {VIP})
            assert {key.address for key in host.ipvs.read()} == {VIP}
        await eventually(lambda: announced(host) == {VIP, MORE})
