from dataclasses import replace

from forwarding_inventories import D1, DIRECT, DIRECT6, FULLNAT, NAT, NAT6, SNAT, every_method, only
from vrrp_inventories import INVENTORIES

from clusterlb.core.host import limits, sysctls
from clusterlb.core.vrrp import groups_of


def test_direct_routing_sets_what_hashing_needs_and_nothing_else():
    found = sysctls(only(every_method(), DIRECT, DIRECT6), D1)
    assert found == {
        "net/ipv4/vs/expire_nodest_conn": "1",
        "net/ipv4/vs/schedule_icmp": "1",
        "net/ipv4/vs/sloppy_tcp": "1",
    }


def test_a_director_that_passes_packets_on_forwards_them_whatever_their_way():
    found = sysctls(only(every_method(), NAT), D1)
    assert found["net/ipv4/ip_forward"] == "1"
    assert found["net/ipv4/conf/e0/rp_filter"] == found["net/ipv4/conf/all/rp_filter"] == "0"
    assert found["net/ipv4/conf/e0/send_redirects"] == found["net/ipv4/conf/all/send_redirects"] == "0"
    assert "net/ipv4/vs/conntrack" not in found
    assert "net/ipv6/conf/all/forwarding" not in found


def test_ipv6_alone_leaves_ipv4s_settings():
    found = sysctls(only(every_method(), NAT6), D1)
    assert found["net/ipv6/conf/all/forwarding"] == "1"
    assert "net/ipv4/ip_forward" not in found


def test_full_nat_has_ipvs_and_connection_tracking_work_together():
    found = sysctls(only(every_method(), FULLNAT), D1)
    assert found["net/ipv4/vs/conntrack"] == "1"
    assert found["net/netfilter/nf_conntrack_tcp_be_liberal"] == "1"


def test_room_for_tracked_connections_is_made_only_where_they_are_tracked():
    assert limits(only(every_method(), DIRECT, NAT)) == {}
    assert limits(only(every_method(), FULLNAT))["net/netfilter/nf_conntrack_max"] == 1 << 20
    assert limits(replace(only(every_method(), DIRECT), snat_pools={"out": SNAT}))


def test_snat_pools_forward_their_family():
    found = sysctls(replace(only(every_method(), DIRECT), snat_pools={"out": SNAT}), D1)
    assert found["net/ipv4/ip_forward"] == "1"
    assert "net/ipv4/vs/conntrack" not in found


def test_a_director_that_vrrp_has_not_elected_answers_for_no_vip():
    inventory = INVENTORIES["plain"]
    director = inventory.directors["d1"]
    found = sysctls(inventory, director)
    groups = groups_of(inventory, director)
    assert groups
    for group in groups:
        assert found[f"net/ipv4/conf/{group.interface}/arp_ignore"] == "1"
        assert found[f"net/ipv4/conf/{group.interface}/arp_announce"] == "2"
