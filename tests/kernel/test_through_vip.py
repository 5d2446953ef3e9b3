"""Probes through IPVS: what a plain check cannot see of a real server, on the real kernel."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pytest

from clusterlb.checks.once import once
from clusterlb.core.host import sysctls
from clusterlb.core.plan.diff import service_steps
from clusterlb.core.programme import probe_service_state
from clusterlb.core.roster import roster
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.check import CheckSpec, ProbeSpec, TcpOptions, Via
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Cluster, Director, Inventory, Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from tests.kernel.conftest import fresh_namespace

pytestmark = pytest.mark.kernel

SERVER = """
import socket, sys
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b"hello from " + sys.argv[1].encode())
    connection.close()
"""


@dataclass(frozen=True)
class Net:
    """The addresses of one family."""

    vip: str
    director: str
    members: tuple[str, str]
    prefix: int
    host: int


IPV4 = Net("10.100.0.1", "10.2.0.1", ("10.2.0.101", "10.2.0.102"), 24, 32)
IPV6 = Net("fd00:100::1", "fd00:2::1", ("fd00:2::101", "fd00:2::102"), 64, 128)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def real_server(name: str, net: Net, address: str, *, has_vip: bool) -> Iterator[None]:
    """A namespace on the director's bridge with a server on port 80."""
    ip("netns", "add", name)
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "e0", "netns", name)
        ip("link", "set", name, "master", "br0", "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "e0", "up")
        ip("-n", name, "address", "add", f"{address}/{net.prefix}", "dev", "e0", *_no_dad(net))
        settings = ["net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"]
        subprocess.run(["ip", "netns", "exec", name, "sysctl", "-q", "-w", *settings], check=True)
        if has_vip:
            ip("-n", name, "address", "add", f"{net.vip}/{net.host}", "dev", "lo", *_no_dad(net))
        argv = ["ip", "netns", "exec", name, sys.executable, "-S", "-c", SERVER, address]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout.readline() == "ready\n"
                yield
            finally:
                server.kill()
    finally:
        ip("netns", "delete", name)


def _no_dad(net: Net) -> list[str]:
    return ["nodad"] if net is IPV6 else []


def inventory(net: Net, forwarding: Forwarding) -> Inventory:
    """Return two members, each checked plainly and through the VIP, with and without a dialogue."""
    hello = ProbeSpec(timeout=5.0, options=TcpOptions(expect="hello"))
    checks = (
        CheckSpec(ProbeSpec(timeout=5.0)),
        CheckSpec(hello),
        CheckSpec(ProbeSpec(timeout=5.0), via=Via.VIP),
        CheckSpec(hello, via=Via.VIP),
    )
    members = tuple(Member(ip_address(address), 80) for address in net.members)
    vip = ip_address(net.vip)
    return Inventory(
        Cluster("test", (ip_network(f"{net.vip}/{net.host}"),)),
        {},
        {"web": Pool("web", members, checks)},
        {vip: Vip(vip, (Service(Protocol.TCP, 80, "web", forwarding),))},
    )


@contextmanager
def director(net: Net, given: Inventory, second_has_vip: bool) -> Iterator[None]:
    """This thread in a director's namespace, programmed as the controller would."""
    with ExitStack() as stack:
        stack.enter_context(fresh_namespace())
        ip("link", "add", "br0", "type", "bridge")
        ip("link", "set", "br0", "up")
        ip("address", "add", f"{net.director}/{net.prefix}", "dev", "br0", *_no_dad(net))
        names = [f"clbvip{number}" for number in (1, 2)]
        for name, address, has_vip in zip(names, net.members, (True, second_has_vip), strict=True):
            stack.enter_context(real_server(name, net, address, has_vip=has_vip))
        ip("route", "add", "local", f"{net.vip}/{net.host}", "dev", "lo")
        ipvs = stack.enter_context(closing(KernelIpvs()))  # loads ip_vs, and its settings with it
        writer = KernelSysctl()
        for name, value in sysctls(given, Director("d1", ip_address("10.1.0.1"), ())).items():
            writer.write(name, value)
        steps = [
            step
            for key, probe in roster(given).probe_services.items()
            for step in service_steps(key, probe_service_state(probe), None)
        ]
        assert ipvs.apply(steps) == []
        time.sleep(1.0)  # a bridge port forwards and neighbours are found
        yield


@pytest.mark.parametrize(
    ("net", "forwarding", "second_has_vip", "second_passes"),
    [
        (IPV4, Forwarding.DR, True, True),
        (IPV4, Forwarding.DR, False, False),
        (IPV6, Forwarding.DR, True, True),
        (IPV6, Forwarding.DR, False, False),
        (IPV4, Forwarding.NAT, False, True),
    ],
    ids=["dr", "dr-without-vip", "dr6", "dr6-without-vip", "nat"],
)
def test_a_probe_through_the_vip_finds_a_real_server_that_lacks_it(
    net, forwarding, second_has_vip, second_passes
):
    given = inventory(net, forwarding)
    with director(net, given, second_has_vip):
        keys = [key for checks in roster(given).checks.values() for ways in checks for key in ways]
        done = once(key.probe for key in keys)
    assert done.reasons == ()
    found = {
        (str(key.probe.endpoint.address), key.check.via, bool(key.probe.spec.options.expect)): (
            done.seen[key.probe].ok
        )
        for key in keys
    }
    first, second = net.members
    for dialogue in (False, True):
        assert found[first, Via.MEMBER, dialogue]
        assert found[second, Via.MEMBER, dialogue]
        assert found[first, Via.VIP, dialogue]
        assert found[second, Via.VIP, dialogue] is second_passes, done.seen
