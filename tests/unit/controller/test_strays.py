"""Strays are counted after a change of a table, until there are none; a director at rest counts nothing."""

from dataclasses import replace
from ipaddress import ip_address

from fake_director import VIP, FakeDirector, eventually, idle, inventory, running, take_over

from clusterlb.controller.store.store import SETTLED
from clusterlb.core.maglev import maglev_table
from clusterlb.model.address import AddressFamily
from clusterlb.model.flow import Flow, FlowCount
from clusterlb.model.ipvs import DestinationStatistics, Protocol, ServiceKey

KEY = ServiceKey(AddressFamily.IPV4, Protocol.TCP, VIP, 80)
FLOWS = [Flow(Protocol.TCP, ip_address("198.18.0.0") + n, 1024 + n, VIP, 80) for n in range(300)]


class CountingHost(FakeDirector):
    """A host that knows how often its flows have been counted."""

    counted = 0

    def controller(self, *arguments, **options):
        census = self.ipvs.census

        def once(survey):
            self.counted += 1
            return census(survey)

        self.ipvs.census = once
        return super().controller(*arguments, **options)

    def open(self, flows=FLOWS):
        for flow in flows:
            self.ipvs.open(flow)
        for name in {entry.destination for entry in self.ipvs.entries.values()}:
            self.ipvs.set_statistics(KEY, name, DestinationStatistics(active=1))


async def grown(host, controller):
    """Give the pool one member more."""
    take_over(controller.store, inventory(members=4, digest="2"))
    host.engine.set_probes(controller.store.index.probes)
    await idle(controller)


async def past(controller, seconds):
    loop_time = controller.store.clock
    end = loop_time() + seconds
    await eventually(lambda: loop_time() > end, seconds + 60)


async def test_a_start_without_connections_reads_no_entries(tmp_path):
    host = CountingHost(tmp_path)
    async with running(host) as controller:
        await past(controller, SETTLED + 10)
        assert controller.strays.counts == {KEY: FlowCount(0, (0,))}
    assert host.counted == 0


async def test_one_count_a_change_and_then_until_there_are_none(tmp_path):
    host = CountingHost(tmp_path)
    async with running(host) as controller:
        host.open()
        await past(controller, SETTLED + 10)
        assert controller.strays.counts == {KEY: FlowCount(300, (0,))}
        assert host.counted == 1
        await past(controller, 600)
        assert host.counted == 1, "no table has changed, and there are no strays"
        await grown(host, controller)
        await eventually(lambda: host.counted == 2)
        await past(controller, 5)
        (state,) = host.ipvs.read().values()
        table = maglev_table(state)
        moved = [e for e in host.ipvs.entries.values() if table.pick(*e.flow[1:3]) != e.destination]
        assert controller.strays.counts == {KEY: FlowCount(300, (len(moved),))}
        for entry in moved:
            del host.ipvs.entries[entry.flow]
        await eventually(lambda: host.counted == 3)
        await past(controller, 5)
        assert controller.strays.counts == {KEY: FlowCount(300 - len(moved), (0,))}
        await past(controller, 600)
        assert host.counted == 3


async def test_a_count_that_fails_is_tried_again(tmp_path):
    host = CountingHost(tmp_path)
    host.ipvs.census_fails = "cannot read"
    async with running(host) as controller:
        host.open()
        await past(controller, SETTLED + 10)
        assert (controller.strays.counts, controller.strays.error) == ({}, "cannot read")
        host.ipvs.census_fails = ""
        await past(controller, 60)
        assert (controller.strays.counts[KEY].live, controller.strays.error) == (300, "")


async def test_flows_that_cannot_be_counted_are_not(tmp_path):
    given = inventory()
    (vip,) = given.vips.values()
    service = replace(vip.services[0], scheduler="wlc", flags=frozenset())
    host = CountingHost(tmp_path, replace(given, vips={VIP: replace(vip, services=(service,))}))
    async with running(host) as controller:
        await past(controller, SETTLED + 10)
        assert controller.strays.counts == {}
    assert host.counted == 0
