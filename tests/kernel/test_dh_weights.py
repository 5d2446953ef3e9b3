"""dh deals its places out in turn, whatever the weights (ip_vs_dh_reassign(), ip_vs_dh.c)."""

from __future__ import annotations

import socket
import subprocess
from collections import Counter
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest

from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceKey,
    VirtualService,
)
from clusterlb.model.plan import AddDestination, AddService
from tests.kernel.conftest import fresh_namespace

pytestmark = pytest.mark.kernel

MARK = 7
WEIGHTS = {"10.2.0.101": 1, "10.2.0.102": 7}
ASKED = 64  # addresses in a row: a multiplicative hash spreads them evenly over the 256 places


def test_a_weight_gives_a_member_of_dh_no_more_places() -> None:
    key = ServiceKey(AddressFamily.IPV4, Protocol.NONE, None, 0, MARK)
    with fresh_namespace(), closing(KernelIpvs()) as ipvs:
        for command in (
            "ip link add dummy0 type dummy",
            "ip address add 10.2.0.1/24 dev dummy0",
            "ip link set dummy0 up",
            "ip route add local 10.200.0.0/24 dev lo",
        ):
            subprocess.run(command.split(), check=True)
        steps = [AddService(VirtualService(key, "dh"))]
        for address, weight in WEIGHTS.items():
            wanted = Destination(DestinationKey(ip_address(address), 0), ForwardMethod.ROUTE, weight)
            steps.append(AddDestination(key, wanted))
        assert ipvs.apply(steps) == []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            for last in range(ASKED):
                sender.sendto(b"x", (f"10.200.0.{last}", 80))
        lines = Path("/proc/thread-self/net/ip_vs_conn").read_text(encoding="ascii").splitlines()
    places = Counter(line.split()[5] for line in lines if line.startswith("UDP "))
    assert sorted(places.values()) == [ASKED // 2, ASKED // 2], places
