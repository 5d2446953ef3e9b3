"""The model of mh's table against the kernel's own picks: 500 flows of each of twelve services."""

from __future__ import annotations

import random
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from ipaddress import ip_address

import pytest

from clusterlb.core.maglev import maglev_table
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.ipvs.entries import read_entries, table_of_this_process
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    VirtualService,
)
from clusterlb.model.plan import AddDestination, AddService, EditDestination, IpvsStep, RemoveDestination
from tests.kernel.conftest import fresh_namespace

pytestmark = [pytest.mark.kernel, pytest.mark.smoke]

IPV4, IPV6 = AddressFamily.IPV4, AddressFamily.IPV6
PORT, FALLBACK, NONE = ServiceFlag.SCHED2, ServiceFlag.SCHED1, ServiceFlag.NONE
BOTH = PORT | FALLBACK
PICKS = 500
IPV6_FREEBIND = 78  # include/uapi/linux/in6.h
CLIENTS = {IPV4: "198.18.0.0/15", IPV6: "2001:db8:9::/48"}  # all of them are this host's own
MEMBERS = {IPV4: "10.2.0.0/24", IPV6: "2001:db8:2::/64"}

# Each weight is (nominal, now); a member is added with the first, as the controller does.
EQUAL = [(1, 1)] * 7
STEPS = [(100, 100), (3, 3), (65535, 65535), (12, 12), (1, 1)]
DRAINED = [(4, 4), (2, 0), (2, 2), (6, 0), (4, 4)]
LONE = [(1, 0), (1, 1), (1, 0)]
SERVICES = [
    (IPV4, BOTH, EQUAL),
    (IPV4, BOTH, STEPS),
    (IPV4, BOTH, DRAINED),
    (IPV4, PORT, DRAINED),
    (IPV4, FALLBACK, DRAINED),
    (IPV4, NONE, STEPS),
    (IPV4, BOTH, LONE),
    (IPV4, BOTH, [(3, 0), (5, 0)]),
    (IPV6, BOTH, EQUAL),
    (IPV6, PORT, DRAINED),
    (IPV6, FALLBACK, STEPS),
    (IPV6, BOTH, DRAINED),
]


@pytest.fixture
def driver() -> Iterator[KernelIpvs]:
    with fresh_namespace():
        for command in (
            *(f"route add local {net} dev lo" for net in CLIENTS.values()),
            "link add members type dummy",
            "link set members up",
            *(f"route add {net} dev members" for net in MEMBERS.values()),
        ):
            subprocess.run(["ip", *command.split()], check=True)
        with closing(KernelIpvs()) as opened:
            yield opened


def number_in(network: str, number: int) -> IPAddress:
    return ip_address(network.partition("/")[0]) + number


def service(family: AddressFamily, flags: ServiceFlag) -> VirtualService:
    vip = number_in(CLIENTS[family], 1)
    prefix = 32 if family is IPV4 else 128
    return VirtualService(ServiceKey(family, Protocol.UDP, vip, 53), "mh", flags, prefix=prefix)


def member(family: AddressFamily, number: int, nominal: int, now: int) -> Destination:
    key = DestinationKey(number_in(MEMBERS[family], number), 53 + number % 2)
    return Destination(key, ForwardMethod.MASQ, now, nominal=nominal)


def clients(family: AddressFamily, seed: str) -> list[tuple[IPAddress, int]]:
    rng = random.Random(seed)
    bits = 16 if family is IPV4 else 64
    return [
        (number_in(CLIENTS[family], rng.randrange(256, 1 << bits)), rng.randrange(1024, 65536))
        for _ in range(PICKS)
    ]


def entry_of_each(vip: IPAddress, spoken: list[tuple[IPAddress, int]]) -> dict[Flow, DestinationKey]:
    """Have each client send a datagram to the VIP; return the destinations of their entries."""
    kind = socket.AF_INET if vip.version == 4 else socket.AF_INET6
    for address, port in spoken:
        with socket.socket(kind, socket.SOCK_DGRAM) as client:
            if vip.version == 6:  # a local route makes an IPv4 network this host's own, and IPv6's does not
                client.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            client.bind((str(address), port))
            with suppress(OSError):  # no destination takes it
                client.sendto(b"?", (str(vip), 53))
    return {entry.flow: entry.destination for entry in read_entries(table_of_this_process())}


def check_picks(driver: KernelIpvs, key: ServiceKey, seed: str) -> int:
    """Compare 500 new flows' members with the model's; return how many have one."""
    assert key.address is not None
    spoken = clients(key.family, seed)
    table = maglev_table(driver.read([key])[key])
    predicted = {
        Flow(Protocol.UDP, address, port, key.address, key.port): picked
        for address, port in spoken
        if (picked := table.pick(address, port)) is not None
    }
    entries = entry_of_each(key.address, spoken)
    assert {flow: entries.get(flow) for flow in predicted} == predicted
    unserved = {Flow(Protocol.UDP, a, p, key.address, key.port) for a, p in spoken} - predicted.keys()
    assert not unserved & entries.keys()
    return len(predicted)


@pytest.mark.parametrize(("family", "flags", "weights"), SERVICES)
def test_a_fresh_service(
    driver: KernelIpvs, family: AddressFamily, flags: ServiceFlag, weights: list[tuple[int, int]]
) -> None:
    virtual = service(family, flags)
    members = [member(family, number, *pair) for number, pair in enumerate(weights, 1)]
    steps: list[IpvsStep] = [AddService(virtual), *(AddDestination(virtual.key, one) for one in members)]
    assert driver.apply(steps) == []
    picked = check_picks(driver, virtual.key, str((family, flags, weights)))
    everybody = all(now for _, now in weights) or (flags & FALLBACK and any(now for _, now in weights))
    assert (picked == PICKS) == bool(everybody)
    assert bool(picked) == any(now for _, now in weights)


@pytest.mark.parametrize("family", [IPV4, IPV6])
def test_a_history(driver: KernelIpvs, family: AddressFamily) -> None:
    """Drains, new weights, members that leave and come: the model follows what the driver reads."""
    rng = random.Random(f"history {family}")
    virtual = service(family, BOTH)
    key = virtual.key
    assert driver.apply([AddService(virtual)]) == []
    there: dict[int, Destination] = {}
    for turn in range(6):
        number = rng.randrange(1, 7)
        if number in there and rng.random() < 0.3:
            step: IpvsStep = RemoveDestination(key, there.pop(number).key)
        else:
            nominal = rng.choice([1, 2, 5, 64, 100])
            one = member(family, number, nominal, rng.choice([0, nominal, max(1, nominal // 4)]))
            step = (EditDestination if number in there else AddDestination)(key, one)
            there[number] = one
        assert driver.apply([step]) == []
        state: ServiceState = driver.read([key])[key]
        assert {d.key: d.weight for d in state.destinations} == {d.key: d.weight for d in there.values()}
        check_picks(driver, key, f"{family} {turn}")
