"""What the kernel tells of itself: everything of ours that somebody else can take away, and is told of."""

import asyncio
import os
import subprocess

import pytest

from clusterlb.drivers.monitor import LINKS, SETTINGS, Monitor
from clusterlb.drivers.nft.monitor import OUR_TABLE
from tests.frr.conftest import InNamespace

PREPARED = """
ip link add clb-active type veth peer name clb-far
ip link set clb-far addrgenmode none
ip link set clb-active addrgenmode none
ip link set clb-far up
ip link set clb-active up
ip addr add 10.100.0.1/32 dev clb-active
ip -6 addr add fd00:100::1/128 dev clb-active nodad
ip route add local 10.100.0.2 dev lo table local proto 210
ip -6 route add local fd00:100::2 dev lo table local proto 210
ip route add default dev clb-active table 1174405121
ip -6 route add default dev clb-active table 1174405121
ip rule add pref 17664 fwmark 0x46000001 lookup 1174405121
ip -6 rule add pref 17664 fwmark 0x46000001 lookup 1174405121
nft add table inet clusterlb
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0
"""
FLUSHES = {
    "a policy rule": (LINKS, "ip rule del pref 17664"),
    "a policy rule for IPv6": (LINKS, "ip -6 rule del pref 17664"),
    "all policy rules": (LINKS, "ip rule flush"),
    "a table": (LINKS, "ip route flush table 1174405121"),
    "a table for IPv6": (LINKS, "ip -6 route flush table 1174405121"),
    "a local route": (LINKS, "ip route del local 10.100.0.2 table local"),
    "a local route for IPv6": (LINKS, "ip -6 route del local fd00:100::2 table local"),
    "addresses": (LINKS, "ip -4 addr flush dev clb-active"),
    "addresses of IPv6": (LINKS, "ip -6 addr flush dev clb-active scope global"),
    "a lane that is set down": (LINKS, "ip link set clb-active down"),
    "a lane": (LINKS, "ip link del clb-active"),
    "forwarding": (SETTINGS, "sysctl -qw net.ipv4.ip_forward=0"),
    "forwarding of IPv6": (SETTINGS, "sysctl -qw net.ipv6.conf.all.forwarding=0"),
    "rp_filter": (SETTINGS, "sysctl -qw net.ipv4.conf.all.rp_filter=1"),
    "our table": (OUR_TABLE, "nft delete table inet clusterlb"),
    "the ruleset": (OUR_TABLE, "nft flush ruleset"),
}


def run(text):
    subprocess.run(["sh", "-ec", text], check=True, capture_output=True, timeout=30)


async def heard(watched, command):
    """Return how often the monitor called, once it has, after a command; it is silent before."""
    calls = []
    told = asyncio.Event()

    def changed():
        calls.append(command)
        told.set()

    monitor = Monitor(watched, changed)
    try:
        await asyncio.sleep(0.3)
        assert not calls
        run(command)
        await asyncio.wait_for(told.wait(), 20)
    finally:
        monitor.close()
    return len(calls)


@pytest.fixture
def host(routers):
    here = routers("m")
    worker = InNamespace(here.name, lambda: None)
    yield lambda function: worker._worker.submit(function).result(60)
    worker.end()


@pytest.mark.parametrize("flush", FLUSHES)
def test_the_kernel_tells_of_what_is_taken_away(host, flush):
    watched, command = FLUSHES[flush]

    def told():
        run(PREPARED)
        return asyncio.run(heard(watched, command))

    assert host(told) == 1


def test_who_must_not_be_told_is_no_error(host):
    async def look():
        for watched in (LINKS, SETTINGS, OUR_TABLE):
            Monitor(watched, lambda: None).close()

    def as_nobody():
        child = os.fork()
        if child == 0:
            try:
                os.setresuid(65534, 65534, 65534)
                asyncio.run(look())
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert host(as_nobody) == 0
