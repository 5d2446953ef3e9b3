from ipaddress import ip_address, ip_network

import pytest
from lsdbs import SWITCH, VIP, external, net, network, rid, router, star, stub

from clusterlb.core.cluster_view import view
from clusterlb.model.cluster_view import Announcement, FindingKind
from clusterlb.model.lsdb import MAX_AGE, Databases, Lsdb
from clusterlb.model.ospf import Lane, LaneCosts

PREFIXES = (ip_network("10.100.0.0/24"), ip_network("fd00:100::/64"))
VIP6 = ip_address("fd00:100::1")


def see(database, ospf6=None, own=1, costs=None):
    return view(Databases(database, ospf6), costs or LaneCosts(), PREFIXES, rid(own), 7.0)


def kinds(seen):
    return [finding.kind for finding in seen.warnings]


def alive(seen, vip=VIP):
    return [one.router_id for one in seen.announcements[vip] if one.alive]


def test_each_lane_by_its_cost():
    seen = see(star(3, stub(3, 10000), stub(1, 10), stub(2, 1000, age=9)))
    assert seen.announcements == {
        VIP: (
            Announcement(rid(1), VIP, Lane.ACTIVE, 10, False, True, 5.0),
            Announcement(rid(2), VIP, Lane.STANDBY, 1000, False, True, 9.0),
            Announcement(rid(3), VIP, Lane.DRAINED, 10000, False, True, 5.0),
        )
    }
    assert (seen.taken_at, seen.own_router_id, seen.warnings) == (7.0, rid(1), ())


def test_a_clusters_own_costs():
    seen = see(star(1, external(1, 300)), costs=LaneCosts(100, 200, 300))
    assert [(one.lane, one.external) for one in seen.announcements[VIP]] == [(Lane.DRAINED, True)]


def test_a_cost_of_no_lane_names_the_router_and_the_cost():
    seen = see(star(2, stub(1), external(2, 77, vip=VIP + 1)))
    assert seen.announcements[VIP + 1][0].lane is None
    [finding] = seen.warnings
    assert finding.kind is FindingKind.UNKNOWN_COST
    assert finding.facts["router_id"] == "10.1.0.2"
    assert finding.facts["cost"] == 77
    assert "10.1.0.2 announces 10.100.0.2 with cost 77" in str(finding)


def test_what_is_outside_the_prefixes_or_being_flushed_is_not_there():
    gone = stub(2, age=MAX_AGE), external(2, age=MAX_AGE)
    assert see(star(2, stub(1, vip=ip_address("10.1.0.1")), *gone)).announcements == {}


def test_both_lanes_at_once_count_with_the_cheaper():
    seen = see(star(1, stub(1, 10000), stub(1, 10), stub(1, 1000)))
    assert [one.lane for one in seen.announcements[VIP]] == [Lane.ACTIVE]


def test_a_crashed_directors_lsa_is_there_and_it_is_not_alive():
    routes = stub(1), stub(2), external(2, 55, vip=VIP + 1)
    without = router(SWITCH, 1), router(1, SWITCH), router(2, SWITCH)
    seen = see(star(2, *routes, routers=without))
    assert [(one.router_id, one.alive) for one in seen.announcements[VIP]] == [
        (rid(1), True),
        (rid(2), False),
    ]
    assert not seen.announcements[VIP + 1][0].alive
    assert seen.warnings == ()  # a dead router's odd cost attracts nothing


def test_a_stub_counts_in_its_own_area_and_an_external_route_anywhere():
    lsas = router(1, SWITCH), router(SWITCH, 1), router(2, SWITCH, area="1")
    database = Lsdb(lsas, (), (stub(1), stub(2), external(2), stub(SWITCH, area="1"), external(SWITCH)))
    assert [(one.router_id, one.external) for one in see(database).announcements[VIP] if one.alive] == [
        (rid(1), False),
        (rid(SWITCH), True),
    ]


def test_an_area_that_is_out_of_reach_does_not_hide_the_one_that_is_not():
    seen = see(star(1, stub(1, 10, area="1"), stub(1, 1000)))
    assert [(one.lane, one.alive) for one in seen.announcements[VIP]] == [(Lane.STANDBY, True)]


def test_ipv6_vips_are_judged_by_ospfv3_alone():
    dead6 = star(2, stub(1, vip=VIP6), stub(2, vip=VIP6), routers=(router(SWITCH, 1), router(1, SWITCH)))
    seen = see(star(2, stub(1), stub(2)), dead6)
    assert alive(seen) == [rid(1), rid(2)]
    assert alive(seen, VIP6) == [rid(1)]


@pytest.mark.parametrize("own_lsa", [(), (router(1),), (router(1, SWITCH),)])
def test_alone_the_database_is_no_evidence(own_lsa):
    seen = see(star(2, stub(1), stub(2), routers=(*own_lsa, router(SWITCH, 2), router(2, SWITCH))))
    assert kinds(seen) == [FindingKind.ISOLATED]
    assert alive(seen) == ([rid(1)] if own_lsa else [])


def test_mixed_lsa_types_are_named():
    seen = see(star(3, external(1), stub(2, 10000), external(3)))
    [finding] = seen.warnings
    assert finding.kind is FindingKind.MIXED_TYPES
    assert finding.facts == {
        "vip": "10.100.0.1",
        "intra_area": ["10.1.0.2"],
        "external": ["10.1.0.1", "10.1.0.3"],
    }


def test_different_types_for_different_vips_are_fine():
    assert see(star(2, stub(1), external(2, vip=VIP + 1))).warnings == ()


def test_unequal_port_costs_name_the_switch_and_its_ports():
    ports = router(SWITCH, 1, 2), router(SWITCH, 3, cost=20)
    lsas = (*ports, *(router(number, SWITCH) for number in (1, 2, 3)))
    [finding] = see(star(3, stub(1), stub(2), stub(3), routers=lsas)).warnings
    assert finding.kind is FindingKind.UNEQUAL_PORT_COSTS
    assert finding.facts == {
        "protocol": "OSPFv2",
        "router_id": "10.1.0.254",
        "costs": {"10.1.0.1": 10, "10.1.0.2": 10, "10.1.0.3": 20},
    }


def test_a_port_to_something_that_announces_nothing_may_cost_what_it_likes():
    lsas = router(SWITCH, 1, 2), router(SWITCH, 3, cost=20), *(router(n, SWITCH) for n in (1, 2, 3))
    assert see(star(3, stub(1), stub(2), routers=lsas)).warnings == ()


def test_a_directors_own_link_costs_are_nobodys_business():
    lsas = (
        router(SWITCH, 1, 2, 3),
        router(1, SWITCH, 2),
        router(2, SWITCH, 1, cost=10),
        router(2, 3, cost=99),
        router(3, SWITCH, 2),
    )
    assert see(star(3, stub(1), stub(2), stub(3), routers=lsas)).warnings == ()


def test_ports_on_transit_networks_of_unequal_cost():
    lsas = (
        router(SWITCH, net(1), cost=10),
        router(SWITCH, net(2), cost=30),
        router(1, net(1)),
        router(2, net(2)),
    )
    networks = network(1, 1, SWITCH), network(2, 2, SWITCH)
    [finding] = see(star(2, stub(1), stub(2), routers=lsas, networks=networks)).warnings
    assert finding.facts["costs"] == {"10.1.0.1": 10, "10.1.0.2": 30}
