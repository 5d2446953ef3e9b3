"""Flows that a plan says a change moves, against those that it moves: 50 random changes of a pool.

A director on the real kernel has 400 UDP flows through ``mh``. Before each change its forecast says how many
flows will be on another member than the table picks. After it, the same flows go through a namespace that has
the same service and no entries, as another director would after a move: how many reach another member? Needs
root and IPVS.
"""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from clusterlb.controller.forecast import forecast
from clusterlb.controller.store.index import Index
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.ipvs.entries import read_entries, table_of_this_process
from clusterlb.model.flow import Flow
from clusterlb.model.inventory import Inventory, Member
from clusterlb.model.ipvs import DestinationKey, Protocol, ServiceState
from clusterlb.model.plan import AddDestination, AddService, IpvsStep
from clusterlb.render.frr import render_config
from tests.bench.figures import Figure, main
from tests.kernel.conftest import fresh_namespace
from tests.support.fake_director import CHECK, VIP, FakeDirector, idle, inventory, take_over

FLOWS, CHANGES, PORT = 400, 50, 53
NEW = ip_address("10.2.0.150")
PREPARE = (
    "route add local 198.18.0.0/15 dev lo",
    f"address add {VIP}/32 dev lo",
    "link add members type dummy",
    "link set members up",
    "route add 10.2.0.0/24 dev members",
)


def prepare() -> None:
    """Make every client's address this namespace's own, and let members be reached."""
    for command in PREPARE:
        subprocess.run(["ip", *command.split()], check=True)


def speak(flows: Sequence[Flow]) -> dict[Flow, DestinationKey]:
    """Have each client send a datagram; return where their entries lead."""
    for flow in flows:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((str(flow.client), flow.client_port))
            client.sendto(b"?", (str(flow.vip), flow.port))
    found = {entry.flow: entry.destination for entry in read_entries(table_of_this_process())}
    assert found.keys() >= set(flows)
    return found


def elsewhere(state: ServiceState, flows: Sequence[Flow]) -> dict[Flow, DestinationKey]:
    """Return where the flows go through a director that has this service and no entries."""
    key = state.service.key
    with fresh_namespace():
        prepare()
        with closing(KernelIpvs()) as driver:
            steps: list[IpvsStep] = [
                AddService(state.service),
                *(AddDestination(key, one) for one in state.destinations),
            ]
            assert driver.apply(steps) == []
            return speak(flows)


def changed(rng: random.Random, given: Inventory, number: int) -> Inventory:
    """Return the inventory with one change of its pool: a member more or less, another weight or place."""
    pool = given.pools["web"]
    members = list(pool.members)
    place = rng.randrange(len(members))
    match rng.choice(["add", "insert", "remove", "weight", "weight 0", "replace"]):
        case "add":
            members.append(Member(NEW + number, PORT))
        case "insert":
            members.insert(place, Member(NEW + number, PORT))
        case "remove" if len(members) > 2:
            members.pop(place)
        case "weight 0" if sum(member.weight > 0 for member in members) > 2:
            members[place] = replace(members[place], weight=0)
        case "replace":
            members[place] = Member(NEW + number, PORT)
        case _:
            members[place] = replace(members[place], weight=rng.choice([1, 2, 3, 10, 100]))
    pools = {"web": replace(pool, members=tuple(members))}
    return replace(given, pools=pools, digest=str(number))


def of_udp(given: Inventory) -> Inventory:
    """Return an inventory whose only service is of UDP, which needs nobody to answer."""
    (vip,) = given.vips.values()
    service = replace(vip.services[0], protocol=Protocol.UDP, port=PORT)
    pool = given.pools["web"]
    members = tuple(replace(member, port=PORT) for member in pool.members)
    pools = {"web": replace(pool, members=members, checks=(replace(CHECK, rise=1),))}
    return replace(given, pools=pools, vips={VIP: replace(vip, services=(service,))})


async def errors(root: Path) -> tuple[int, int]:
    """Return by how many flows the forecasts were wrong, and how many flows the changes have moved."""
    rng = random.Random("plan")
    host = FakeDirector(root, of_udp(inventory(members=4)))
    host.ipvs = KernelIpvs()
    controller = host.controller()
    assert host.engine is not None
    task = asyncio.create_task(controller.run())
    await idle(controller)
    flows = [
        Flow(Protocol.UDP, ip_address("198.18.1.0") + rng.randrange(60000), port, VIP, PORT)
        for port in rng.sample(range(1024, 65536), FLOWS)
    ]
    members = speak(flows)
    wrong = moved = predicted = 0
    for number in range(1, CHANGES + 1):
        given = changed(rng, controller.store.inventory, number)
        director = given.directors["d1"]
        index = Index(given, director, parse(render_config(given, director)))
        found = await forecast(controller.reconciler, index)
        if found.services:
            predicted = found.services[0].strays_then
        take_over(controller.store, given)
        host.engine.set_probes(index.probes)
        await idle(controller)
        (state,) = host.ipvs.read().values()
        measured = sum(members[flow] != now for flow, now in elsewhere(state, flows).items())
        wrong += abs(predicted - measured)
        moved += measured
    controller.stop()
    await task
    return wrong, moved


def measure() -> Iterator[Figure]:
    """Make the changes in a namespace of their own."""
    with fresh_namespace(), tempfile.TemporaryDirectory() as root:
        prepare()
        wrong, moved = asyncio.run(errors(Path(root)))
    print(f"{CHANGES} changes, {moved} flows on another member, summed over them")
    yield Figure("plan_error_flows", wrong, "flows", 0)


if __name__ == "__main__":
    main(measure)
