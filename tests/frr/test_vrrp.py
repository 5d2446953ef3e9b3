"""Real vrrpd, told by the real drivers: one master, hand-overs, and what two looks show."""

import asyncio
import json
import signal
import subprocess
from contextlib import ExitStack

import pytest

from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.order import order
from clusterlb.core.vrrp import place_of, two_masters
from clusterlb.drivers.interface import DriverError
from clusterlb.model.plan import AddDevice, RemoveDevice
from clusterlb.model.state import DirectorState
from tests.frr.conftest import eventually, sh
from tests.support.vrrp_segment import DRAINED, OUT, VIP, VIP6, Segment, settled, until

VIRTUAL_MAC, VIRTUAL_MAC6 = "00:00:5e:00:01:0a", "00:00:5e:00:02:0b"


@pytest.fixture
def segment():
    with ExitStack() as stack:

        def make(*interfaces):
            made = stack.enter_context(Segment(*interfaces))
            return made.switch, *made.directors

        yield make


def answered_by(switch, vip=VIP):
    """Return the MAC that answers for a VIP, once it does."""
    switch.ip("neigh", "flush", "dev", "br0")

    def answer():
        argv = ["ip", "netns", "exec", switch.name, "ping", "-c", "1", "-W", "1", str(vip)]
        if subprocess.run(argv, check=False, capture_output=True, timeout=30).returncode:
            return None
        return json.loads(switch.ip("-j", "neigh", "show", str(vip)))[0].get("lladdr")

    return eventually(answer)


def frames_from_vip(switch, port):
    """Say whether the bridge has learnt the group's MAC on a port."""
    entries = json.loads(sh("bridge", "-n", switch.name, "-j", "fdb", "show", "br", "br0"))
    return any(entry["mac"] == VIRTUAL_MAC and entry["ifname"] == port for entry in entries)


async def test_the_first_serves_and_the_other_takes_over_when_it_dies(segment):
    switch, first, second = segment("e0")
    await first.stand()
    await second.stand()
    await settled(first, second)
    assert (answered_by(switch), answered_by(switch, VIP6)) == (VIRTUAL_MAC, VIRTUAL_MAC6)
    assert frames_from_vip(switch, "d1l0")
    assert not frames_from_vip(switch, "d2l0")

    first.router.ip("link", "set", "e0", "down")
    first.router.signal("vrrpd", signal.SIGKILL)
    await until(second, vip="master", vip6="master")
    assert (answered_by(switch), answered_by(switch, VIP6)) == (VIRTUAL_MAC, VIRTUAL_MAC6)
    assert frames_from_vip(switch, "d2l0")


async def test_an_unfit_vip_goes_to_the_other_director_alone_and_comes_back(segment):
    _, first, second = segment("e0")
    await first.stand()
    await second.stand()
    await settled(first, second)
    await first.stand(vip=OUT)
    await until(first, vip="initialize", vip6="master")
    await until(second, vip="master", vip6="backup")
    await first.stand()
    await settled(first, second)


async def test_a_drained_director_hands_over_and_serves_on_where_nobody_is_there(segment):
    switch, first, second = segment("e0")
    await first.stand(vip=DRAINED)
    await until(first, vip="master")
    assert answered_by(switch) == VIRTUAL_MAC
    await second.stand()
    await until(second, vip="master")
    await until(first, vip="backup")
    await first.stand()
    await settled(first, second)


async def test_no_ping_is_lost_in_a_hand_over(segment):
    switch, first, second = segment("e0")
    await first.stand()
    await second.stand()
    await settled(first, second)
    answered_by(switch)
    argv = ["ip", "netns", "exec", switch.name, "ping", "-i", "0.02", "-c", "200", "-W", "1", str(VIP)]
    ping = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    await first.stand(vip=DRAINED)
    await until(second, vip="master")
    out, _ = await asyncio.wait_for(ping.communicate(), 60)
    assert b" 0% packet loss" in out, out


async def test_a_start_finds_everything_as_it_left_it(segment):
    _, first, _ = segment("e0", "e1")
    await first.stand(vip=DRAINED)
    assert first.links.read().devices == {group.device for group in first.groups}
    before = await first.frr.read()
    made = [AddDevice(group.device) for group in first.groups]
    assert first.links.apply(made) == []
    await first.stand(vip=DRAINED)
    assert await first.frr.read() == before
    assert first.links.read().devices == {group.device for group in first.groups}


async def test_nothing_is_left_when_the_director_is_taken_down(segment):
    _, first, second = segment("e0")
    await first.stand()
    await second.stand()
    await settled(first, second)
    for step in order(diff(DirectorState(), DirectorState(frr=await first.frr.read())), leaving=True):
        await first.frr.configure((), [line for line in step.remove if line in first.lines])
    await until(second, vip="master", vip6="master")
    assert first.links.apply([RemoveDevice(group.device) for group in first.groups]) == []
    assert "vrrp" not in first.router.ip("-br", "link")
    assert not [line for line in await first.frr.read() if place_of(line)]


async def test_two_masters_that_do_not_hear_each_other_are_seen_on_the_second_link(segment):
    switch, first, second = segment("e0", "e1")
    await first.stand()
    await second.stand()
    await settled(first, second)
    switch.ip("link", "set", "d1l0", "nomaster")
    await until(second, vip="master")
    assert (await first.states())[VIP] == "master"
    look = await second.look()
    found = list(two_masters(second.groups, await second.look(), look))
    assert [one.vip for one in found] == [VIP]
    assert "a better one lives on e1" in found[0].text


async def test_a_master_that_hears_another_one_is_seen(segment):
    """Advertisements that reach one of two directors only: here the second has no ears."""
    _, first, second = segment("e0")
    await first.stand()
    await second.stand()
    await settled(first, second)
    rules = "table inet deaf { chain i { type filter hook input priority 0; ip protocol vrrp drop; }; }"
    sh("ip", "netns", "exec", second.router.name, "nft", rules)
    await until(second, vip="master")
    before = await first.look()
    for _ in range(200):
        found = list(two_masters(first.groups, await first.look(), before))
        if found:
            break
    assert "another one advertises there too" in found[0].text


async def test_vrrpd_that_does_not_run_is_named(segment):
    _, first, _ = segment("e0")
    first.router.signal("vrrpd", signal.SIGKILL)
    with pytest.raises(DriverError, match="vrrpd"):
        await first.frr.virtual_routers()
    with pytest.raises(DriverError, match=r"vrrpd not running.*vrrpd=yes"):
        await first.stand()
