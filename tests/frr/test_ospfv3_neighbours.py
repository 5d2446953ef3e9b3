"""A director whose OSPFv3 adjacency is gone, on real FRR: its IPv6 VIPs leave, its IPv4 VIPs stay."""

import os
import signal
from dataclasses import replace
from ipaddress import ip_address

import pytest
from route_rig import CHECK, RouteRig, cluster

from clusterlb.model.director_checks import DirectorChecks
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from tests.frr.conftest import eventually, sh

VIP, VIP6 = ip_address("10.100.0.1"), ip_address("fd00:100::1")
OSPF = 89  # IP protocol number (RFC 5340, 2.7)


@pytest.fixture
def rig(tmp_path):
    plain = cluster(2, ipv6=True, pace=0.2)
    inventory = replace(
        plain,
        cluster=replace(plain.cluster, director_checks=DirectorChecks(ospf_full=1)),
        pools={**plain.pools, "p6": Pool("p6", (Member(ip_address("fd00:2::1"), 80),), (CHECK,))},
        vips={**plain.vips, VIP6: Vip(VIP6, (Service(Protocol.TCP, 80, "p6"),))},
    )
    with RouteRig(tmp_path, inventory) as made:
        for director in made.directors.values():
            director.set_members(True)
        eventually(lambda: made.next_hops(VIP) == ["10.1.0.1", "10.1.0.2"])
        eventually(lambda: len(made.next_hops(VIP6)) == 2)
        yield made


def nft(router, command: str) -> None:
    sh("ip", "netns", "exec", router.name, "nft", command)


def lanes(router) -> str:
    return router.ip("addr", "show", "dev", "clb-active")


@pytest.mark.smoke
def test_packets_of_ospfv3_that_are_lost_cost_ipv6_vips_alone(rig):
    router, log = rig.routers["d1"], rig.directors["d1"].log
    nft(router, "add table ip6 lost; add chain ip6 lost in { type filter hook input priority 0; }")
    nft(router, f"add rule ip6 lost in ip6 nexthdr {OSPF} drop")
    eventually(lambda: f"{VIP6}/128" not in lanes(router))
    eventually(lambda: "0 OSPFv3 neighbours on the uplinks are Full" in log.read_text())
    eventually(lambda: len(rig.next_hops(VIP6)) == 1)
    assert f"{VIP}/32" in lanes(router)
    assert rig.next_hops(VIP) == ["10.1.0.1", "10.1.0.2"]
    nft(router, "delete table ip6 lost")
    eventually(lambda: len(rig.next_hops(VIP6)) == 2)


def test_an_ospf6d_that_is_gone_costs_ipv6_vips_alone(rig):
    router, log = rig.routers["d1"], rig.directors["d1"].log
    os.kill(router.daemons["ospf6d"], signal.SIGKILL)
    eventually(lambda: f"{VIP6}/128" not in lanes(router))
    eventually(lambda: "ospf6d has not answered" in log.read_text())
    assert f"{VIP}/32" in lanes(router)
    assert rig.next_hops(VIP) == ["10.1.0.1", "10.1.0.2"]
