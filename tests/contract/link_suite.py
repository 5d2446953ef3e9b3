"""What every LinkDriver does; a subclass provides the fixture ``links``, without any lane, with uplink e0.

All of it holds for every ``links.external``: a VIP on a lane is one, as an address or as a route.
"""

from dataclasses import replace
from errno import ENODEV
from ipaddress import ip_address

import pytest

from clusterlb.model.address import AddressFamily
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import (
    AddDevice,
    AddLocalRoute,
    AddPeer,
    Announce,
    CreateLane,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    Withdraw,
)
from clusterlb.model.snat import Peer
from clusterlb.model.vrrp import VrrpDevice

VIPS = [ip_address("10.100.0.1"), ip_address("fd00:100::1")]
EVERY_VIP = pytest.mark.parametrize("vip", VIPS, ids=str)
NEITHER: frozenset[AddressFamily] = frozenset()
BOTH = frozenset(AddressFamily)
IPV6_ONLY = frozenset({AddressFamily.IPV6})
MODES = pytest.mark.parametrize(
    "external", [None, NEITHER, IPV6_ONLY, BOTH], ids=["either", "intra-area", "mixed", "external"]
)


# on the network of uplink e0
PEER, MOVED = (Peer(0x45000001, ip_address(f"10.1.0.{number}")) for number in (2, 3))
# virtual routers of VRRP on uplink e0
ROUTER = VrrpDevice("vrrp4-10-6b97", "e0", "00:00:5e:00:01:0a", VIPS[0])
ROUTER6 = VrrpDevice("vrrp6-11-6b97", "e0", "00:00:5e:00:02:0b", VIPS[1])
HEARTBEAT = VrrpDevice("vrrp4-12-6b97", "e0", "00:00:5e:00:01:0c", None)


class LinkSuite:
    def test_devices_of_virtual_routers_come_and_go(self, links):
        every = [ROUTER, ROUTER6, HEARTBEAT]
        assert links.read().devices == frozenset()
        assert links.apply([*map(AddDevice, every), AddDevice(ROUTER)]) == []
        assert links.read().devices == frozenset(every)
        assert dict(links.read().announced) == {}
        assert links.apply([RemoveDevice(ROUTER), RemoveDevice(ROUTER)]) == []
        assert links.read().devices == {ROUTER6, HEARTBEAT}

    def test_a_device_becomes_another_one_under_its_name(self, links):
        assert links.apply([AddDevice(replace(ROUTER, address=None))]) == []
        assert links.apply([AddDevice(ROUTER)]) == []
        assert links.read().devices == {ROUTER}
        other = replace(ROUTER, mac="00:00:5e:00:01:63")
        assert links.apply([AddDevice(other)]) == []
        assert links.read().devices == {other}

    def test_empty(self, links):
        state = links.read()
        assert state.lanes == frozenset()
        assert dict(state.announced) == {}
        assert state.local_routes == frozenset()
        assert dict(state.carrier) == {"e0": True}

    def test_lanes_come_and_go(self, links):
        assert links.apply([CreateLane(lane) for lane in Lane]) == []
        assert links.read().lanes == frozenset(Lane)
        assert dict(links.read().announced) == {}
        assert links.apply([RemoveLane(Lane.STANDBY)]) == []
        assert links.read().lanes == {Lane.ACTIVE, Lane.DRAINED}

    def test_creating_and_removing_twice_is_no_failure(self, links):
        assert links.apply([CreateLane(Lane.ACTIVE), CreateLane(Lane.ACTIVE)]) == []
        assert links.read().lanes == {Lane.ACTIVE}
        assert links.apply([RemoveLane(Lane.ACTIVE), RemoveLane(Lane.ACTIVE)]) == []
        assert links.read().lanes == frozenset()

    @EVERY_VIP
    def test_announce_and_withdraw(self, links, vip):
        assert links.apply([CreateLane(Lane.ACTIVE), Announce(vip, Lane.ACTIVE)]) == []
        assert dict(links.read().announced) == {vip: {Lane.ACTIVE}}
        assert links.apply([Withdraw(vip, Lane.ACTIVE)]) == []
        assert dict(links.read().announced) == {}

    @EVERY_VIP
    def test_make_before_break(self, links, vip):
        links.apply([CreateLane(Lane.ACTIVE), CreateLane(Lane.DRAINED), Announce(vip, Lane.ACTIVE)])
        assert links.apply([Announce(vip, Lane.DRAINED)]) == []
        assert dict(links.read().announced) == {vip: {Lane.ACTIVE, Lane.DRAINED}}
        assert links.apply([Withdraw(vip, Lane.ACTIVE)]) == []
        assert dict(links.read().announced) == {vip: {Lane.DRAINED}}

    @EVERY_VIP
    def test_announcing_and_withdrawing_twice_is_no_failure(self, links, vip):
        links.apply([CreateLane(Lane.ACTIVE)])
        assert links.apply([Announce(vip, Lane.ACTIVE), Announce(vip, Lane.ACTIVE)]) == []
        assert links.apply([Withdraw(vip, Lane.ACTIVE), Withdraw(vip, Lane.ACTIVE)]) == []

    def test_announcing_on_a_missing_lane_fails_and_the_rest_is_done(self, links):
        step = Announce(VIPS[0], Lane.ACTIVE)
        failed = links.apply([step, CreateLane(Lane.STANDBY)])
        assert [(error.step, error.errno) for error in failed] == [(step, ENODEV)]
        assert failed[0].message
        assert links.read().lanes == {Lane.STANDBY}

    def test_many_vips_move_at_once_and_one_that_cannot_hinders_no_other(self, links):
        vips = [VIPS[number % 2] + number for number in range(200)]
        links.apply([CreateLane(Lane.ACTIVE), CreateLane(Lane.DRAINED)])
        assert links.apply([Announce(vip, Lane.ACTIVE) for vip in vips]) == []
        missing = Announce(vips[7], Lane.STANDBY)
        moving = [step for vip in vips for step in (Announce(vip, Lane.DRAINED), Withdraw(vip, Lane.ACTIVE))]
        failed = links.apply([*moving[:100], missing, *moving[100:]])
        assert [(error.step, error.errno) for error in failed] == [(missing, ENODEV)]
        assert dict(links.read().announced) == {vip: {Lane.DRAINED} for vip in vips}

    def test_withdrawing_from_a_missing_lane_is_no_failure(self, links):
        assert links.apply([Withdraw(VIPS[0], Lane.ACTIVE)]) == []

    @EVERY_VIP
    def test_local_route_comes_and_goes(self, links, vip):
        assert links.apply([AddLocalRoute(vip), AddLocalRoute(vip)]) == []
        assert links.read().local_routes == {vip}
        assert links.apply([RemoveLocalRoute(vip), RemoveLocalRoute(vip)]) == []
        assert links.read().local_routes == frozenset()

    @EVERY_VIP
    @pytest.mark.parametrize("route_first", [True, False])
    def test_local_route_outlives_the_announcement(self, links, vip, route_first):
        both = [AddLocalRoute(vip), Announce(vip, Lane.ACTIVE)]
        assert links.apply([CreateLane(Lane.ACTIVE), *(both if route_first else reversed(both))]) == []
        assert links.read().local_routes == {vip}
        assert links.apply([Withdraw(vip, Lane.ACTIVE)]) == []
        assert links.read().local_routes == {vip}

    @EVERY_VIP
    def test_removing_the_local_route_leaves_the_announcement(self, links, vip):
        links.apply([CreateLane(Lane.ACTIVE), Announce(vip, Lane.ACTIVE), AddLocalRoute(vip)])
        assert links.apply([RemoveLocalRoute(vip)]) == []
        assert links.read().local_routes == frozenset()
        assert dict(links.read().announced) == {vip: {Lane.ACTIVE}}

    def test_removing_a_lane_takes_its_addresses_and_leaves_local_routes(self, links):
        links.apply([CreateLane(Lane.ACTIVE), *(Announce(vip, Lane.ACTIVE) for vip in VIPS)])
        links.apply([AddLocalRoute(vip) for vip in VIPS])
        assert links.apply([RemoveLane(Lane.ACTIVE)]) == []
        state = links.read()
        assert dict(state.announced) == {}
        assert state.local_routes == set(VIPS)

    def test_reading_changes_nothing(self, links):
        links.apply([CreateLane(Lane.ACTIVE), *(Announce(vip, Lane.ACTIVE) for vip in VIPS)])
        assert links.read() == links.read()

    def test_closing_changes_nothing(self, links):
        links.apply([CreateLane(Lane.ACTIVE), *(Announce(vip, Lane.ACTIVE) for vip in VIPS)])
        before = links.read()
        links.close()
        assert links.read() == before

    @EVERY_VIP
    @pytest.mark.parametrize(
        ("before", "after"), [(NEITHER, BOTH), (BOTH, NEITHER)], ids=["to-external", "back"]
    )
    def test_what_another_mode_left_takes_its_lane_out_until_it_is_cleared(self, links, vip, before, after):
        links.external = before
        links.apply([CreateLane(Lane.ACTIVE), CreateLane(Lane.DRAINED), Announce(vip, Lane.ACTIVE)])
        links.external = after
        state = links.read()
        assert dict(state.announced) == {}
        assert state.lanes == {Lane.DRAINED}
        assert links.apply([CreateLane(Lane.ACTIVE)]) == []
        assert links.read().lanes == {Lane.ACTIVE, Lane.DRAINED}
        links.external = before
        assert dict(links.read().announced) == {}

    def test_a_mode_of_one_family_leaves_the_other_alone(self, links):
        links.external = NEITHER
        links.apply([CreateLane(Lane.ACTIVE), *(Announce(vip, Lane.ACTIVE) for vip in VIPS)])
        links.external = IPV6_ONLY
        links.apply([CreateLane(Lane.ACTIVE)])
        assert dict(links.read().announced) == {VIPS[0]: {Lane.ACTIVE}}

    @EVERY_VIP
    @pytest.mark.parametrize("mode", [NEITHER, BOTH], ids=["intra-area", "external"])
    def test_who_does_not_know_the_mode_sees_and_withdraws_either(self, links, vip, mode):
        links.external = mode
        links.apply([CreateLane(Lane.ACTIVE), Announce(vip, Lane.ACTIVE)])
        links.external = None
        assert dict(links.read().announced) == {vip: {Lane.ACTIVE}}
        assert links.apply([Withdraw(vip, Lane.ACTIVE)]) == []
        assert dict(links.read().announced) == {}

    def test_peers_come_and_go(self, links):
        other = Peer(0x45000002, PEER.address)
        assert links.read().peers == frozenset()
        assert links.apply([AddPeer(PEER), AddPeer(other), AddPeer(PEER)]) == []
        assert links.read().peers == {PEER, other}
        assert links.apply([RemovePeer(PEER), RemovePeer(PEER)]) == []
        assert links.read().peers == {other}
        assert links.apply([RemovePeer(other)]) == []
        assert links.read().peers == frozenset()

    def test_a_peer_is_led_to_another_address_and_removed_by_its_mark(self, links):
        assert links.apply([AddPeer(PEER), AddPeer(MOVED)]) == []
        assert links.read().peers == {MOVED}
        assert links.apply([RemovePeer(PEER)]) == []
        assert links.read().peers == frozenset()
