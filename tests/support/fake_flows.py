"""Flows through a fake director, which of them are strays, and which are anchored."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address

from clusterlb.controller.daemon import Controller
from clusterlb.controller.store.store import SETTLED
from clusterlb.core.maglev import maglev_table
from clusterlb.model.address import AddressFamily
from clusterlb.model.flow import Flow
from clusterlb.model.inventory import Inventory
from clusterlb.model.ipvs import DestinationKey, DestinationStatistics, Protocol, ServiceKey
from clusterlb.model.marks import ANCHOR_MARKS
from clusterlb.model.rules import Element
from tests.support import intents
from tests.support.fake_director import VIP, FakeDirector

KEY = ServiceKey(AddressFamily.IPV4, Protocol.TCP, VIP, 80)
FLOWS = [Flow(Protocol.TCP, ip_address("198.18.0.0") + n, 1024 + n, VIP, 80) for n in range(300)]
DRAINED = "10.2.0.102:80"
MAP = "anchors_tcp4"


def open_flows(host: FakeDirector) -> None:
    """Open FLOWS, each where the table places it."""
    for flow in FLOWS:
        host.ipvs.open(flow)
    for name in {entry.destination for entry in host.ipvs.entries.values()}:
        host.ipvs.set_statistics(KEY, name, DestinationStatistics(active=1))


def element(flow: Flow) -> Element:
    """Return the key of a flow in a map or a set of the rules."""
    return str(flow.client), str(flow.client_port), str(flow.vip), str(flow.port)


def mapped(host: FakeDirector) -> dict[Flow, DestinationKey]:
    """Return each anchored flow's member, as the kernel's table and private services say."""
    found = host.rules.read().sets.get(MAP)
    if found is None:
        return {}
    services = host.ipvs.read()
    by_mark = {key.fwmark: state.destinations[0].key for key, state in services.items() if key.fwmark}
    by_key = {element(flow): flow for flow in FLOWS}
    return {by_key[key]: by_mark[int(mark, 0)] for key, mark in found.elements.items()}


def strays(host: FakeDirector) -> dict[Flow, DestinationKey]:
    """Return the flows that are not where the table places them, with their members."""
    (state,) = [state for key, state in host.ipvs.read().items() if key == KEY]
    table = maglev_table(state)
    return {
        flow: entry.destination
        for flow, entry in host.ipvs.entries.items()
        if table.pick(flow.client, flow.client_port) != entry.destination
    }


def private(host: FakeDirector) -> set[ServiceKey]:
    """Return the private services in the kernel."""
    return {key for key in host.ipvs.read() if key.fwmark in ANCHOR_MARKS}


async def settled() -> None:
    """Wait until the start is over."""
    await asyncio.sleep(SETTLED + 10)


def remembering(given: Inventory, seconds: float = 7440.0) -> Inventory:
    """Return an inventory of directors that remember a silent flow for so long."""
    return replace(given, cluster=replace(given.cluster, flow_memory=seconds))


async def drain(controller: Controller) -> None:
    """Drain DRAINED, and wait until the table has changed."""
    await controller.intents.set(intents.drain(f"member/web/{DRAINED}", force=True))
    await asyncio.sleep(10)
