"""A reply that a rule mends has a checksum that its receiver takes; a reset has one when it passes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from forwarding_inventories import every_method

from clusterlb.core.nft.part import join
from clusterlb.core.nft.reverse import reverse
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.plan import LoadRules
from tests.frr.conftest import InNamespace, sh

pytestmark = pytest.mark.smoke

# To a member's own port, on which nobody listens: the reset has the VIP's address and port when it arrives,
# and so is for nobody. The first packets of an IPv6 link may be lost: the kernel sends the SYN again.
ASK = """
import pathlib
import socket
import time
one = socket.socket({family})
one.setblocking(False)
one.connect_ex(({address!r}, 8005))
for _ in range(100):
    time.sleep(0.1)
    text = pathlib.Path("/proc/self/net/snmp").read_text()
    names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
    if dict(zip(names, values))["InSegs"] != "0":
        break
print(text)
"""


@pytest.mark.parametrize(
    ("family", "client", "member", "vip", "net"),
    [
        ("AF_INET", "10.3.0.{}", "10.2.0.{}", "10.100.0.5", 24),
        ("AF_INET6", "fd00:3::{}", "fd00:2::{}", "fd00:100::5", 64),
    ],
)
def test_a_members_reset_has_a_checksum_that_the_client_takes(
    family, client, member, vip, net, routers, wire
):
    outside, director, inside = routers("a"), routers("b"), routers("c")
    for router in (outside, director, inside):
        sh("ip", "netns", "exec", router.name, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
    wire(outside, "e0", f"{client.format(2)}/{net}", director, "e0", f"{client.format(1)}/{net}")
    wire(director, "e1", f"{member.format(1)}/{net}", inside, "e0", f"{member.format(5)}/{net}")
    for router, address in ((outside, client), (inside, member)):
        router.ip("route", "add", "default", "via", address.format(1))
    for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        sh("ip", "netns", "exec", director.name, "sysctl", "-qw", f"{name}=1")
    pool = Pool("app", (Member(ip_address(member.format(5)), 8005),))
    service = Service(Protocol.TCP, 80, "app", forwarding=Forwarding.NAT)
    one = Vip(ip_address(vip), (service,))
    rules = InNamespace(director.name, KernelRules)
    try:
        rules.apply(
            LoadRules(join([reverse(replace(every_method(), pools={"app": pool}, vips={one.address: one}))]))
        )
        asked = ASK.format(family=f"socket.{family}", address=member.format(5))
        ways = [line.split() for line in _tcp(outside, asked)]
        counted = dict(zip(*ways, strict=True))
        assert int(counted["InSegs"]) > 0, "the reset came"
        assert (counted["InErrs"], counted["InCsumErrors"]) == ("0", "0")
    finally:
        rules.end()


def _tcp(router, code):
    """Run code in a namespace; return the two lines on TCP of what it prints."""
    printed = sh("ip", "netns", "exec", router.name, "python3", "-c", code)
    return [line for line in printed.splitlines() if line.startswith("Tcp:")]
