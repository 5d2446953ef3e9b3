"""Port use is read beside the loop, at most for a hundredth of a core, and told before it is too late."""

import asyncio
import threading
from dataclasses import replace
from ipaddress import ip_address, ip_network
from types import SimpleNamespace

import pytest
from fake_director import inventory
from structlog.testing import capture_logs

from clusterlb.controller.port_use import PortUse
from clusterlb.drivers.interface import DriverError
from clusterlb.model.port_use import AddressKind, AddressUse, ConntrackFailures, Remote
from clusterlb.model.snat import SnatPool
from clusterlb.model.status import PortsStatus, PortUseStatus
from tests.support.fake_conntrack import FakeConntrack

pytestmark = pytest.mark.threads
SNAT = ip_address("10.100.2.1")
REMOTE = Remote(17, ip_address("10.3.0.9"), 53)
POOL = SnatPool("internet", (ip_network("10.2.0.0/24"),), {"d1": (SNAT,)})


class Conntrack(FakeConntrack):
    """A fake that answers when it may."""

    def __init__(self):
        super().__init__()
        self.may = threading.Event()
        self.may.set()

    def port_use(self, addresses):
        assert self.may.wait(60)
        return super().port_use(addresses)


class Rig:
    """A PortUse whose clock and CPU time the test moves."""

    def __init__(self, *pools):
        known = replace(inventory(), snat_pools={pool.name: pool for pool in pools})
        self.now = 0.0
        self.took = 0.0
        self.store = SimpleNamespace(inventory=known, director=known.directors["d1"], clock=lambda: self.now)
        self.conntrack = Conntrack()
        self.port_use = PortUse(self.store, self.conntrack, self._cpu)
        self._times = 0

    def _cpu(self):
        self._times += 1
        return self.took * (self._times % 2 == 0)

    async def look(self, seconds=0.0):
        """Let a reading begin and be taken in; ``seconds`` pass before."""
        self.now += seconds
        before = self.conntrack.reads
        await self.port_use.look()
        if self.port_use._reading is not None:
            await asyncio.wait([self.port_use._reading])
            await self.port_use.look()
        return self.conntrack.reads - before

    def uses(self, used):
        self.conntrack.uses[SNAT] = AddressUse(used, used, REMOTE)

    @property
    def warnings(self):
        return self.port_use.status().warnings


async def test_nothing_is_read_without_something_to_translate_to():
    rig = Rig()
    assert await rig.look(100) == 0
    assert rig.port_use.status() == PortsStatus()


async def test_ten_seconds_pass_between_two_readings():
    rig = Rig(POOL)
    assert await rig.look() == 1
    assert await rig.look(9.9) == 0
    assert await rig.look(0.1) == 1


async def test_a_reading_that_took_long_is_followed_by_a_long_pause():
    rig = Rig(POOL)
    rig.took = 0.5
    assert await rig.look() == 1
    assert await rig.look(49.9) == 0
    assert await rig.look(0.1) == 1


async def test_looking_does_not_wait_for_the_kernel():
    rig = Rig(POOL)
    rig.conntrack.may.clear()
    for _ in range(2):
        await rig.port_use.look()
        rig.now += 100
    assert rig.port_use.status().addresses == {}
    rig.conntrack.may.set()
    assert await rig.look() == 1


async def test_what_was_read_is_in_the_status():
    rig = Rig(POOL)
    rig.uses(7)
    rig.conntrack.failed = ConntrackFailures(1, 2, 3)
    await rig.look()
    use = PortUseStatus(
        kind=AddressKind.SNAT, used=7, capacity=64512, connections=7, fullest="udp 10.3.0.9:53"
    )
    assert rig.port_use.status() == PortsStatus(addresses={SNAT: use}, conntrack=ConntrackFailures(1, 2, 3))


async def test_an_alarm_is_told_once_a_level_and_its_end_too():
    rig = Rig(POOL)
    told = []
    for used in (40000, 50000, 51000, 60000, 50000, 44000, 40000):
        rig.uses(used)
        with capture_logs() as logs:
            await rig.look(10)
        told.append([(line["event"], line.get("level")) for line in logs])
    assert told == [
        [],
        [("ports run out", "warning")],
        [],
        [("ports run out", "critical")],
        [],
        [],
        [("ports are free again", None)],
    ]


async def test_an_alarm_stands_in_the_status():
    rig = Rig(POOL)
    rig.uses(60000)
    await rig.look()
    (warning,) = rig.warnings
    assert warning.startswith(
        "critical: snat address 10.100.2.1 uses 60000 of 64512 ports to udp 10.3.0.9:53"
    )


async def test_an_unreadable_table_is_told_once_and_no_old_number_is_shown():
    rig = Rig(POOL)
    rig.uses(60000)
    await rig.look()
    rig.conntrack.broken = "no ctnetlink"
    with capture_logs() as logs:
        for _ in range(2):
            await rig.look(10)
    assert [line["problem"] for line in logs] == ["no ctnetlink"]
    assert rig.port_use.status().addresses == {}
    assert rig.warnings[0] == "error: no ctnetlink"
    rig.conntrack.broken = ""
    with capture_logs() as logs:
        await rig.look(10)
    assert logs == []  # the alarm stood all the while
    assert len(rig.warnings) == 1


async def test_an_inventory_without_pools_ends_it():
    rig = Rig(POOL)
    rig.uses(60000)
    await rig.look()
    rig.store.inventory = replace(rig.store.inventory, snat_pools={})
    assert await rig.look(10) == 0
    assert rig.port_use.status() == PortsStatus()


async def test_failures_are_told_once_a_minute_and_old_ones_never():
    rig = Rig(POOL)
    told = []
    for drops in (5, 5, 7, 8, 8, 8, 8, 8, 8, 8):
        rig.conntrack.failed = ConntrackFailures(0, drops, 0)
        with capture_logs() as logs:
            await rig.look(10)
        told.append([line["drop"] for line in logs])
    assert told == [[], [], [2], [], [], [], [], [], [1], []]


async def test_flows_of_asks_the_table():
    rig = Rig(POOL)
    rig.uses(7)
    assert await rig.port_use.flows_of([SNAT]) == 7
    rig.conntrack.broken = "no ctnetlink"
    with pytest.raises(DriverError):
        await rig.port_use.flows_of([SNAT])
