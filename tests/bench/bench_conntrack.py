"""Reading 100,000 connections for port use; needs root."""

from __future__ import annotations

import subprocess
import time
from ipaddress import ip_address
from statistics import median

from clusterlb.drivers.conntrack import KernelConntrack
from tests.bench.figures import Figure, main
from tests.kernel.conftest import fresh_namespace
from tests.support.conntrack_entries import Entry, insert

CONNECTIONS = 100_000
ROUNDS = 7
OWN = [ip_address(f"10.100.1.{n}") for n in (1, 2)]
HOOK = "table ip t { chain post { type nat hook postrouting priority srcnat; }; }"


def entry(number: int) -> Entry:
    """Half go to 20 members, as in full NAT, half each to a remote of its own, as from an SNAT pool."""
    place = number // 2
    remote = (
        f"10.2.0.{place % 20 + 1}" if number % 2 else f"11.{place >> 16}.{place >> 8 & 255}.{place & 255}"
    )
    port = 1024 + place // 2
    return Entry(ip_address("10.3.0.1"), port, OWN[place % 2], port, ip_address(remote), 80)


def measure() -> list[Figure]:
    """Measure the CPU's time, the kernel's part included; it is what the controller's pace goes by."""
    table = KernelConntrack()
    reading, counting = [], []
    with fresh_namespace():
        subprocess.run(["nft", HOOK], check=True)
        insert(entry(number) for number in range(CONNECTIONS))
        for _ in range(ROUNDS):
            began = time.thread_time()
            uses = table.port_use(OWN)
            reading.append(1000 * (time.thread_time() - began))
            began = time.thread_time()
            flows = table.flows_of(OWN)
            counting.append(1000 * (time.thread_time() - began))
            assert flows == sum(use.connections for use in uses.values()) == CONNECTIONS
    print(f"# flows_of: {median(counting):.0f} ms")
    return [Figure("conntrack_dump_100000_ms", median(reading), "ms", spread=max(reading))]


if __name__ == "__main__":
    main(measure)
