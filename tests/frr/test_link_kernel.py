"""The link contract on the kernel, in a namespace, and what only a kernel can show."""

import json
from dataclasses import replace
from errno import EEXIST
from ipaddress import ip_address
from subprocess import CalledProcessError

import pytest

from clusterlb.model.ospf import Lane
from clusterlb.model.plan import AddDevice, AddLocalRoute, AddPeer, Announce, CreateLane, RemovePeer, Withdraw
from clusterlb.model.snat import Peer
from tests.contract.link_suite import BOTH, EVERY_VIP, MODES, PEER, ROUTER, VIPS, LinkSuite


@pytest.fixture
def host(routers, wire):
    here, there = routers("a"), routers("b")
    wire(here, "e0", "10.1.0.1/24", there, "e0", "10.1.0.2/24")
    return here


@pytest.fixture
def external():
    return None


@pytest.fixture
def links(host, links_in, external):
    return links_in(host, "e0", external=external)


@MODES
class TestKernelLinksInEveryMode(LinkSuite):
    """The contract alone."""


class TestKernelLinks:
    def test_carrier(self, links, host, links_in):
        assert dict(links_in(host, "e0", "nosuch").read().carrier) == {"e0": True, "nosuch": False}
        host.ip("link", "set", "e0", "down")
        assert dict(links.read().carrier) == {"e0": False}

    def test_carrier_of_a_link_whose_far_end_is_down(self, links, routers, wire, host):
        far = routers("c")
        wire(host, "e1", "10.2.0.1/24", far, "e1", "10.2.0.2/24")
        far.ip("link", "set", "e1", "down")
        host.ip("link", "del", "e0")
        host.ip("link", "set", "e1", "name", "e0")
        assert dict(links.read().carrier) == {"e0": False}

    def test_a_lane_that_is_down_is_not_there_and_is_raised_again(self, links, host):
        links.apply([CreateLane(Lane.ACTIVE)])
        host.ip("link", "set", "clb-active", "down")
        assert links.read().lanes == frozenset()
        assert links.apply([CreateLane(Lane.ACTIVE)]) == []
        assert links.read().lanes == {Lane.ACTIVE}

    def test_a_new_device_waits_for_vrrpd_and_a_damaged_one_is_made_whole(self, links, host):
        assert links.apply([AddDevice(ROUTER)]) == []
        (shown,) = json.loads(host.ip("-j", "-d", "link", "show", ROUTER.name))
        assert (shown["proto_down"], shown["linkinfo"]["info_data"]["mode"]) == (True, "bridge")
        host.ip("addr", "add", "10.100.0.77/32", "dev", ROUTER.name)
        assert links.read().devices == frozenset()
        assert links.apply([AddDevice(ROUTER)]) == []
        assert links.read().devices == {ROUTER}
        host.ip("link", "set", ROUTER.name, "down")
        assert links.read().devices == frozenset()
        host.ip("link", "set", ROUTER.name, "protodown", "off")
        assert links.apply([AddDevice(ROUTER)]) == []
        assert links.read().devices == {ROUTER}
        (shown,) = json.loads(host.ip("-j", "-d", "link", "show", ROUTER.name))
        assert not shown.get("proto_down"), "vrrpd alone decides who is master"

    def test_a_device_in_the_way_is_named(self, links, host):
        mac = ["address", ROUTER.mac, "type", "macvlan", "mode", "bridge"]
        host.ip("link", "add", "theirs", "link", "e0", *mac)
        host.ip("link", "set", "theirs", "up")
        (failed,) = links.apply([AddDevice(ROUTER)])
        assert "another device of that link has the virtual router's MAC address" in failed.message

    def test_a_link_that_is_not_there(self, links):
        (failed,) = links.apply([AddDevice(replace(ROUTER, link="e7"))])
        assert "interface is missing" in failed.message

    @EVERY_VIP
    def test_the_kernel_delivers_a_vip_by_our_route_alone(self, links, host, vip):
        links.apply([CreateLane(Lane.ACTIVE), Announce(vip, Lane.ACTIVE), AddLocalRoute(vip)])
        links.apply([Withdraw(vip, Lane.ACTIVE)])
        [route] = json.loads(host.ip("-j", "route", "get", str(vip)))
        assert route["type"] == "local"
        assert route["dev"] == "lo"

    def test_ipv6_vips_are_usable_at_once(self, links, host):
        links.apply([CreateLane(Lane.ACTIVE), Announce(VIPS[1], Lane.ACTIVE)])
        [link] = json.loads(host.ip("-j", "-6", "addr", "show", "dev", "clb-active", "scope", "global"))
        [address] = [entry for entry in link["addr_info"] if entry]
        assert address["prefixlen"] == 128
        assert address["nodad"]
        assert "tentative" not in address

    def test_a_foreign_address_on_a_lane_is_seen_and_removed(self, links, host):
        links.apply([CreateLane(Lane.ACTIVE)])
        host.ip("addr", "add", "192.0.2.7/24", "dev", "clb-active")
        address = ip_address("192.0.2.7")
        assert dict(links.read().announced) == {address: {Lane.ACTIVE}}
        assert links.apply([Withdraw(address, Lane.ACTIVE)]) == []
        assert dict(links.read().announced) == {}

    def test_addresses_elsewhere_are_not_ours(self, links, host):
        links.apply([CreateLane(Lane.ACTIVE)])
        host.ip("addr", "add", "10.100.0.1/32", "dev", "e0")
        assert dict(links.read().announced) == {}

    def test_a_foreign_local_route_is_not_ours(self, links, host):
        host.ip("route", "add", "local", "10.100.0.9", "dev", "lo", "table", "local", "proto", "static")
        assert links.read().local_routes == frozenset()

    def test_a_foreign_ipv6_route_in_the_way_is_reported(self, links, host):
        route = ["local", str(VIPS[1]), "dev", "lo", "table", "local"]
        host.ip("-6", "route", "add", *route, "metric", "1024", "proto", "static")
        step = AddLocalRoute(VIPS[1])
        [error] = links.apply([step])
        assert (error.step, error.errno) == (step, EEXIST)
        assert "not ours" in error.message

    @EVERY_VIP
    def test_an_external_vip_is_delivered_by_the_local_route_and_hides_nobodys(self, links, host, vip):
        """Delivery is an AnyIP local route; the route over the lane is for FRR's eyes alone."""
        links.external = BOTH
        links.apply([CreateLane(Lane.ACTIVE), AddLocalRoute(vip), Announce(vip, Lane.ACTIVE)])
        [route] = json.loads(host.ip("-j", "route", "get", str(vip)))
        assert (route["type"], route["dev"]) == ("local", "lo")
        family = f"-{vip.version}"
        host.ip(
            family, "route", "add", f"{vip}/{vip.max_prefixlen}", "dev", "e0", "proto", "ospf", "metric", "20"
        )
        shown = json.loads(host.ip("-j", family, "route", "show", f"{vip}/{vip.max_prefixlen}"))
        assert [(entry["dev"], entry["protocol"]) for entry in shown] == [
            ("e0", "ospf"),
            ("clb-active", "201"),
        ]

    @EVERY_VIP
    def test_of_two_lanes_the_kernel_prefers_the_better(self, links, host, vip):
        links.external = BOTH
        links.apply([CreateLane(lane) for lane in Lane])
        links.apply([Announce(vip, lane) for lane in (Lane.DRAINED, Lane.STANDBY, Lane.ACTIVE)])
        shown = json.loads(host.ip("-j", f"-{vip.version}", "route", "show", str(vip)))
        assert [entry["dev"] for entry in shown] == ["clb-active", "clb-standby", "clb-drained"]

    @EVERY_VIP
    def test_a_foreign_route_over_a_lane_is_seen_and_removed(self, links, host, vip):
        links.external = BOTH
        links.apply([CreateLane(Lane.ACTIVE)])
        host.ip(
            f"-{vip.version}", "route", "add", str(vip), "dev", "clb-active", "proto", "static", "metric", "7"
        )
        assert dict(links.read().announced) == {vip: {Lane.ACTIVE}}
        assert links.apply([Withdraw(vip, Lane.ACTIVE)]) == []
        assert dict(links.read().announced) == {}

    def test_a_network_route_over_a_lane_is_no_vip(self, links, host):
        links.external = BOTH
        links.apply([CreateLane(Lane.ACTIVE)])
        host.ip("route", "add", "10.100.0.0/24", "dev", "clb-active")
        assert dict(links.read().announced) == {}
        assert links.read().lanes == {Lane.ACTIVE}

    @EVERY_VIP
    def test_a_foreign_route_in_the_way_is_reported(self, links, host, vip):
        links.external = BOTH
        links.apply([CreateLane(Lane.ACTIVE)])
        host.ip(f"-{vip.version}", "route", "add", "blackhole", str(vip), "metric", "4211")
        [error] = links.apply([Announce(vip, Lane.ACTIVE)])
        assert error.errno == EEXIST
        assert "not ours" in error.message


def _ways(host):
    return [
        host.ip(family, *what)
        for family in ("-4", "-6")
        for what in (("rule",), ("route", "show", "table", "all"))
    ]


class TestPeers:
    """The host's own rules and routes are as before when the last peer is gone."""

    SIX = Peer(0x45000001, ip_address("fd00:1::2"))

    @pytest.fixture(autouse=True)
    def inside(self, host):
        host.ip("addr", "add", "fd00:1::1/64", "dev", "e0", "nodad")
        host.ip("rule", "add", "fwmark", "0x1", "lookup", "100", "pref", "17664")
        host.ip("-6", "rule", "add", "fwmark", "0x7", "lookup", "100", "pref", "17665")
        host.ip("route", "add", "default", "via", "10.1.0.9", "table", "100")

    def test_down_restores(self, links, host):
        before = _ways(host)
        links.apply([AddPeer(PEER), AddPeer(self.SIX)])
        assert links.read().peers == {PEER, self.SIX}
        assert _ways(host) != before
        assert links.apply([RemovePeer(peer) for peer in links.read().peers]) == []
        assert _ways(host) == before

    @pytest.mark.parametrize("peer", [PEER, SIX], ids=["ipv4", "ipv6"])
    def test_marked_packets_go_to_the_peer_and_nowhere_without_it(self, links, host, peer):
        links.apply([AddPeer(peer)])
        far = "10.9.9.9" if peer.address.version == 4 else "fd09::9"
        [route] = json.loads(host.ip("-j", "route", "get", far, "mark", "0x45000001"))
        assert route["gateway"] == str(peer.address)
        with pytest.raises(CalledProcessError):
            host.ip("route", "get", far, "mark", "0x45000009")

    @pytest.mark.parametrize(
        "broken", [("route", "flush", "table", "1157627905"), ("rule", "del", "pref", "17665")]
    )
    def test_a_way_that_is_not_whole_is_mended_or_removed(self, links, host, broken):
        before = _ways(host)
        links.apply([AddPeer(PEER)])
        whole = _ways(host)
        host.ip(*broken)
        [found] = links.read().peers
        assert found == (PEER.mark, ip_address("0.0.0.0"))
        assert links.apply([AddPeer(PEER)]) == []
        assert _ways(host) == whole
        host.ip(*broken)
        assert links.apply([RemovePeer(peer) for peer in links.read().peers]) == []
        assert _ways(host) == before

    def test_a_peer_out_of_reach_is_an_error_in_words(self, links):
        [error] = links.apply([AddPeer(Peer(1, ip_address("192.0.2.1")))])
        assert "inside" in error.message
