"""How long IPVS's entries take to read, and to count by two tables, with 100,000 and a million of them.

Needs root and IPVS. Other numbers of entries: ``python -m tests.bench.bench_entries 20000 50000``.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address

from clusterlb.core.census import Survey
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.member import MemberState
from clusterlb.core.programme import service_state
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.ipvs.entries import table_of_this_process
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol, ProtocolTimeouts, ServiceState
from clusterlb.model.plan import AddDestination, AddService
from tests.bench.bench_plan import VIP, prepare
from tests.bench.figures import Figure, main
from tests.kernel.conftest import fresh_namespace

SERVICE = Service(Protocol.UDP, 53, "names")
KEY = SERVICE.key(VIP)
PORTS = range(1024, 61024)
COUNTS = (100_000, 1_000_000)


def service(members: int) -> ServiceState:
    """Return the service with so many members."""
    pool = Pool("names", tuple(Member(ip_address("10.2.0.100") + n, 53) for n in range(members)))
    return service_state(Vip(VIP, (SERVICE,)), SERVICE, pool, (MemberState(VerdictState.UP),) * members, None)


def speak(first: int, last: int) -> None:
    """Make the entries of these numbers, each by a datagram of a client of its own."""
    target = (str(VIP), 53)
    for number in range(first, last):
        address, port = divmod(number, len(PORTS))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((f"198.18.1.{address}", PORTS[port]))
            client.sendto(b"?", target)


def read_seconds() -> float:
    """Return how long the kernel takes to give all entries."""
    started = time.perf_counter()
    with table_of_this_process().open("rb", buffering=0) as table:
        while table.read(1 << 20):
            pass
    return time.perf_counter() - started


def measure() -> Iterator[Figure]:
    """Make ever more entries, and read them."""
    counts = tuple(map(int, sys.argv[1:])) or COUNTS
    with fresh_namespace():
        prepare()
        with closing(KernelIpvs()) as driver:
            driver.set_timeouts(ProtocolTimeouts(udp=3600))
            now, then = service(4), service(5)
            driver.apply([AddService(now.service), *(AddDestination(KEY, one) for one in now.destinations)])
            survey = Survey(ServiceFinder({KEY: (Vip(VIP, (SERVICE,)), SERVICE)}), {KEY: (now, then)}, 120)
            there = 0
            for count in counts:
                speak(there, count)
                there = count
                yield Figure(f"entries_read_{count}_s", read_seconds(), "s")
                started = time.perf_counter()
                (found,) = driver.census(survey).counts.values()
                yield Figure(f"census_{count}_s", time.perf_counter() - started, "s")
                print(f"{count} entries: {found}")


if __name__ == "__main__":
    main(measure)
