"""Directors that tell each other of their anchors and compare their tables."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

from fake_channel import FakeNetwork
from fake_director import VIP, FakeDirector, eventually, idle, inventory, take_over
from fake_flows import DRAINED, drain, element, mapped, open_flows, settled, strays
from intents import drain as drain_of
from scenario import databases

from clusterlb.controller.condition import condition
from clusterlb.controller.judgement import troubles
from clusterlb.controller.status import status
from clusterlb.model.address import Endpoint
from clusterlb.model.inventory import Director, PeerChannel
from clusterlb.model.ipvs import DestinationKey
from clusterlb.model.ospf import Lane, Uplink
from clusterlb.model.peer import PeerState
from clusterlb.model.reason import Reason

CHANNEL = PeerChannel(7480, "/nowhere/authority.pem", "/nowhere/{director}.pem", "/nowhere/{director}.key")
NAMES = ("d1", "d2", "d3")
ADDRESSES = {name: ip_address(f"10.3.0.{number}") for number, name in enumerate(NAMES, 1)}


def cluster(names=NAMES, memory=7440.0, **how):
    """Return an inventory of several directors that speak with each other."""
    given = inventory(**how)
    directors = {
        name: Director(name, IPv4Address(f"10.1.0.{number}"), (Uplink("e0"),), peer_address=ADDRESSES[name])
        for number, name in enumerate(names, 1)
    }
    channel = replace(given.cluster, flow_memory=memory, peers=CHANNEL)
    return replace(given, cluster=channel, directors=directors)


class Cluster:
    """Hosts by the names of their directors, and their controllers while they run."""

    def __init__(self, root, network=None, **how):
        self.network = network or FakeNetwork()
        self.hosts = {}
        for name in NAMES:
            folder = root / name
            folder.mkdir()
            self.hosts[name] = FakeDirector(folder, cluster(**how), name=name)
        self.controllers = {}

    @asynccontextmanager
    async def running(self, name, settle=True):
        controller = self.hosts[name].controller()
        controller.peering.publish = self.network.publisher()
        controller.peering.subscribe = self.network.subscriber()
        self.controllers[name] = controller
        task = asyncio.create_task(controller.run())
        try:
            if settle:
                await idle(controller)
            yield controller
        finally:
            controller.stop()
            await task
            del self.controllers[name]


@asynccontextmanager
async def together(root, names=NAMES, **how):
    """Run all directors; each has seen its checks, and has joined."""
    found = Cluster(root, **how)
    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(found.running(name))
        await settled()
        yield found


def open_strays(host):
    """Open flows on a member on which the table does not place them."""
    open_flows(host)
    member = DestinationKey(*Endpoint.parse(DRAINED))
    entries = host.ipvs.entries
    entries.update((flow, entry._replace(destination=member)) for flow, entry in tuple(entries.items()))


async def test_an_anchor_of_one_director_is_everybodys_within_a_second(tmp_path):
    async with together(tmp_path) as found:
        open_flows(found.hosts["d1"])
        await settled()
        await drain(found.controllers["d1"])
        mine = mapped(found.hosts["d1"])
        assert mine == strays(found.hosts["d1"]) != {}
        await asyncio.sleep(1.0)
        assert mapped(found.hosts["d2"]) == mapped(found.hosts["d3"]) == mine
        assert all(controller.reconciler.plan() == () for controller in found.controllers.values())


async def test_anchors_outlive_the_director_that_saw_them(tmp_path):
    async with together(tmp_path, names=("d2", "d3")) as found:
        async with found.running("d1") as leaving:
            open_flows(found.hosts["d1"])
            await settled()
            await drain(leaving)
            mine = mapped(found.hosts["d1"])
        await asyncio.sleep(400)
        assert mapped(found.hosts["d2"]) == mine != {}


async def test_a_director_that_joins_takes_all_anchors_before_it_announces(tmp_path):
    async with together(tmp_path, names=("d1", "d2")) as found:
        open_flows(found.hosts["d1"])
        await settled()
        await drain(found.controllers["d1"])
        mine = mapped(found.hosts["d1"])
        host = found.hosts["d3"]
        async with found.running("d3", settle=False) as joining:
            await eventually(lambda: VIP in joining.store.announced())
            assert mapped(host) == mine != {}
            assert joining.peering.joined


async def test_a_director_that_joins_announces_when_its_table_is_as_the_others(tmp_path):
    async with together(tmp_path, names=("d1", "d2")) as found:
        for name in ("d1", "d2"):
            found.hosts[name].engine.down.add(DRAINED)
        await asyncio.sleep(5.0)
        host = found.hosts["d3"]
        async with found.running("d3", settle=False) as joining:
            host.engine.mute.add(DRAINED)
            host.engine.down.add(DRAINED)
            await eventually(lambda: joining.peering.joined)
            await asyncio.sleep(3.0)
            assert VIP not in joining.store.announced()
            decision = joining.store.decided[VIP]
            assert decision.because.reason is Reason.JOINING
            assert f"tcp {VIP}:80 is not yet as the other directors have it" in decision.because.text
            host.engine.mute.clear()
            await asyncio.sleep(3.0)
            assert VIP in joining.store.announced()


async def test_a_director_does_not_wait_for_ever_for_a_verdict(tmp_path):
    async with (
        together(tmp_path, names=("d1", "d2")) as found,
        found.running("d3", settle=False) as joining,
    ):
        for name in ("d1", "d2"):
            found.hosts[name].engine.down.add(DRAINED)
        found.hosts["d3"].engine.mute.add(DRAINED)
        await asyncio.sleep(15.0)
        assert VIP in joining.store.announced()


async def test_who_has_no_peer_to_ask_announces_after_some_seconds(tmp_path):
    found = Cluster(tmp_path)
    loop = asyncio.get_running_loop()
    async with found.running("d1", settle=False) as alone:
        began = loop.time()
        await eventually(lambda: alone.store.decided.get(VIP) is not None)
        assert alone.store.decided[VIP].because.reason is Reason.JOINING
        await eventually(lambda: VIP in alone.store.announced())
        assert 6.0 <= loop.time() - began < 8.0


async def test_a_restart_withdraws_nothing_while_it_joins(tmp_path):
    found = Cluster(tmp_path)
    async with found.running("d1"):
        await eventually(lambda: VIP in found.controllers["d1"].store.announced())
    withdrawn = []
    async with found.running("d1", settle=False) as again:
        for _ in range(100):
            await asyncio.sleep(0.1)
            withdrawn += [VIP] if VIP not in again.store.announced() and again.store.decided else []
    assert withdrawn == []


async def test_the_end_of_a_flow_is_told_and_is_not_undone_by_older_words(tmp_path):
    async with together(tmp_path) as found:
        hosts = found.hosts
        open_flows(hosts["d1"])
        await settled()
        await drain(found.controllers["d1"])
        await asyncio.sleep(1.0)
        flow, *_ = mapped(hosts["d2"])
        await asyncio.sleep(200)
        hosts["d2"].rules.notes = {"ending_tcp4": {element(flow)}}
        del hosts["d1"].ipvs.entries[flow]
        await asyncio.sleep(60)
        assert all(flow not in mapped(host) for host in hosts.values())
        found.network.part(ADDRESSES["d3"])
        await asyncio.sleep(10)
        found.network.mend()
        await asyncio.sleep(60)
        assert all(flow not in mapped(host) for host in hosts.values())


async def test_a_peer_that_was_cut_off_hears_what_it_has_missed(tmp_path):
    async with together(tmp_path) as found:
        open_flows(found.hosts["d1"])
        await settled()
        found.network.part(ADDRESSES["d3"])
        await drain(found.controllers["d1"])
        await asyncio.sleep(5)
        assert mapped(found.hosts["d3"]) == {}
        shown = await status(found.controllers["d1"])
        peers = {each.peer: each for each in shown.peers}
        assert (peers["d3"].state, peers["d3"].reads) == (PeerState.SILENT, False)
        assert (peers["d2"].state, peers["d2"].reads) == (PeerState.CONNECTED, True)
        assert shown.uncovered == (
            "d3 not told of this director's anchors: flows that move there may be lost",
        )
        found.network.mend()
        await asyncio.sleep(8)
        assert mapped(found.hosts["d3"]) == mapped(found.hosts["d1"]) != {}
        assert (await status(found.controllers["d1"])).uncovered == ()


async def test_a_director_that_leaves_hands_over_what_it_has_not_told_yet(tmp_path):
    async with together(tmp_path) as found:
        leaving = found.controllers["d1"]
        open_strays(found.hosts["d1"])  # nobody has counted them
        await leaving.down(force=True)
        assert leaving.is_down
        await asyncio.sleep(1.0)
        assert set(mapped(found.hosts["d2"]).values()) == {DestinationKey(*Endpoint.parse(DRAINED))}


async def test_a_drain_of_the_director_waits_until_its_peers_know(tmp_path):
    async with together(tmp_path) as found:
        d1 = found.controllers["d1"]
        open_strays(found.hosts["d1"])
        await d1.intents.set(drain_of(force=True))
        await eventually(lambda: Lane.ACTIVE not in d1.store.announced().get(VIP, ()))
        await asyncio.sleep(0.2)
        assert set(mapped(found.hosts["d2"]).values()) == {DestinationKey(*Endpoint.parse(DRAINED))}


async def test_a_drain_does_not_wait_for_ever_for_a_peer_that_takes_nothing_in(tmp_path):
    async with together(tmp_path) as found:
        d1 = found.controllers["d1"]
        found.network.deaf.add(ADDRESSES["d2"])
        open_strays(found.hosts["d1"])
        began = asyncio.get_running_loop().time()
        await d1.intents.set(drain_of(force=True))
        await eventually(lambda: Lane.ACTIVE not in d1.store.announced().get(VIP, ()))
        assert 10 <= asyncio.get_running_loop().time() - began < 15
        (shown,) = [each for each in (await status(d1)).peers if each.peer == "d2"]
        assert shown.behind


async def test_without_the_channel_status_says_what_is_not_covered(tmp_path):
    host = FakeDirector(tmp_path, cluster())
    host.inventory = replace(host.inventory, cluster=replace(host.inventory.cluster, peers=None))
    found = Cluster.__new__(Cluster)
    found.network, found.hosts, found.controllers = FakeNetwork(), {"d1": host}, {}
    async with found.running("d1") as alone:
        (text,) = (await status(alone)).uncovered
        assert text.startswith("anchors stay on this director: `cluster.peers` is not set")
        assert not found.network.listening


async def test_a_channel_comes_and_goes_with_the_inventory(tmp_path):
    async with together(tmp_path) as found:
        d1 = found.controllers["d1"]
        quiet = replace(
            d1.store.inventory, cluster=replace(d1.store.inventory.cluster, peers=None), digest="q"
        )
        take_over(d1.store, quiet)
        await asyncio.sleep(3.0)
        assert (await status(d1)).peers == ()
        take_over(d1.store, cluster(digest="again"))
        await asyncio.sleep(8.0)
        assert [each.state for each in (await status(d1)).peers] == [PeerState.CONNECTED] * 2


async def test_a_listener_that_cannot_be_had_is_tried_again(tmp_path):
    found = Cluster(tmp_path)
    endpoint = Endpoint(ADDRESSES["d1"], 7480)
    found.network.listening[endpoint] = object()
    async with found.running("d1") as d1:
        await asyncio.sleep(1.0)
        assert "already in use" in (await status(d1)).uncovered[0]
        del found.network.listening[endpoint]
        await asyncio.sleep(6.0)
        assert "already in use" not in (await status(d1)).uncovered[0]


# tables


async def test_a_director_that_is_alone_with_its_table_says_in_what_and_withdraws(tmp_path):
    async with together(tmp_path) as found:
        odd = found.controllers["d3"]
        see_the_others(found.hosts["d3"])
        found.hosts["d3"].engine.down.add(DRAINED)
        await asyncio.sleep(40)
        assert odd.odd_tables.texts() == ()
        await asyncio.sleep(60)
        (text,) = odd.odd_tables.texts()
        row = f"{DRAINED} by route, weight 1"
        assert text == f"tcp {VIP}:80: here {row}, takes no flows; at d1 {row}"
        assert odd.store.decided[VIP].because.reason is Reason.TABLE_DIFFERS
        assert VIP not in odd.store.announced()
        assert VIP in found.controllers["d1"].store.announced()
        assert {each.tables_differ for each in odd.peering.status()} == {(f"tcp {VIP}:80",)}
        found.hosts["d3"].engine.down.clear()
        await asyncio.sleep(10)
        assert odd.odd_tables.texts() == ()
        assert VIP in odd.store.announced()


async def test_an_odd_director_serves_on_where_too_few_others_do(tmp_path):
    async with together(tmp_path) as found:
        odd = found.controllers["d3"]
        found.hosts["d3"].engine.down.add(DRAINED)
        await asyncio.sleep(120)
        assert odd.odd_tables.texts()
        assert VIP in odd.store.announced()
        assert any("another table" in text for text in troubles_of(odd))


async def test_what_an_operator_decides_for_one_director_is_no_mistake(tmp_path):
    async with together(tmp_path) as found:
        await drain(found.controllers["d1"])
        await drain(found.controllers["d2"])
        await asyncio.sleep(200)
        for controller in found.controllers.values():
            assert controller.odd_tables.texts() == ()


def see_the_others(host):
    """Have the link-state database say that the others announce the VIP."""
    host.frr.lsdb = databases({1: {VIP: Lane.ACTIVE}, 2: {VIP: Lane.ACTIVE}, 3: {}})


def troubles_of(controller):
    return troubles(condition(controller))
