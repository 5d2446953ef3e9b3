"""What a real server needs: which VIPs and devices, how large segments may be, and what cannot be."""

from dataclasses import replace

import pytest
from realserver_inventories import CASES, GRE, GRE_CHECKSUM, GUE, R1, R2, SIX, crossed, inventory, service

from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Member, Pool, Sorry
from clusterlb.model.ipvs import TunnelFlag
from clusterlb.render.realserver.host import host_of, member_named, members_of
from clusterlb.render.realserver.needs import Needs, RealServerError, needs_of

MIXED = CASES["mixed"]
TUN = Forwarding.TUN
REMOTE = replace(GUE, checksum=TunnelFlag.REMCSUM)
FULL = replace(GUE, checksum=TunnelFlag.CSUM)


def placed(needs):
    return {(str(place.vip), place.device) for place in needs.places}


def test_full_nat_and_an_unused_pool_need_nothing():
    assert needs_of(CASES["fullnat"], R1) == Needs(R1)
    assert needs_of(CASES["dr"], R1) != Needs(R1)
    assert needs_of(inventory({}), R1) == Needs(R1)


def test_all_vips_of_a_group_and_of_every_pool_that_the_member_is_in():
    first = needs_of(MIXED, R1)
    assert placed(first) == {("10.100.0.1", "lo"), ("10.100.0.2", "lo"), ("10.100.0.3", "clb-ipip")}
    assert [str(gateway) for gateway in first.gateways] == ["10.2.0.1", "10.2.0.2"]
    second = needs_of(MIXED, R2)
    assert {device for _, device in placed(second)} == {"clb-gre"}
    assert second.gateways == ()  # the sorry server of `map` has full NAT


def test_a_sorry_server_is_a_real_server():
    pool = Pool("web", (Member(R1, 80),), sorry=Sorry(R2, 80))
    assert placed(needs_of(inventory({"10.100.0.1": [service()]}, {"web": pool}), R2)) == {
        ("10.100.0.1", "lo")
    }


def test_segments_are_clamped_for_tcp_alone():
    assert needs_of(MIXED, R1).clamps == ()  # its tunnel carries UDP
    assert [clamp.mss for clamp in needs_of(MIXED, R2).clamps] == [1436, 1436]


@pytest.mark.parametrize(
    ("tunnel", "ipv4", "ipv6"),
    [
        (None, 1500 - 20, 1500 - 40),
        (GUE, 1500 - 20 - 12, 1500 - 40 - 12),
        (FULL, 1500 - 20 - 12, 1500 - 40 - 12),
        (REMOTE, 1500 - 20 - 20, 1500 - 40 - 20),
        (GRE, 1500 - 20 - 4, 1500 - 40 - 4),
        (GRE_CHECKSUM, 1500 - 20 - 8, 1500 - 40 - 8),
    ],
)
def test_a_full_segment_fits_1500_bytes_with_its_tunnel(tunnel, ipv4, ipv6):
    same = inventory(
        {"10.100.0.1": [service("web", TUN, tunnel)], "fd00:100::1": [service("web6", TUN, tunnel)]}
    )
    assert [clamp.mss for clamp in needs_of(same, R1).clamps] == [ipv4 - 40]
    assert [clamp.mss for clamp in needs_of(same, SIX).clamps] == [ipv6 - 60]
    other = crossed(tunnel)
    assert [clamp.mss for clamp in needs_of(other, R1).clamps] == [ipv4 - 60]
    assert [clamp.mss for clamp in needs_of(other, SIX).clamps] == [ipv6 - 40]


def test_of_several_tunnels_to_one_vip_the_widest_decides():
    services = [service("web", TUN, tunnel, port) for port, tunnel in ((80, None), (81, GRE), (82, REMOTE))]
    (clamp,) = needs_of(inventory({"10.100.0.1": services}), R1).clamps
    assert clamp.mss == 1440 - 20


@pytest.mark.parametrize(
    ("given", "address", "name", "kind"),
    [
        (CASES["ipip"], R1, "clb-ipip", "ipip"),
        (CASES["ipip"], SIX, "clb-ip6tnl", "ip6tnl"),
        (crossed(None), R1, "clb-sit", "sit"),
        (crossed(GUE), SIX, "clb-ip6tnl", "ip6tnl"),
        (CASES["gre"], R1, "clb-gre", "gre"),
        (crossed(GRE), SIX, "clb-ip6gre", "ip6gre"),
    ],
)
def test_the_device_for_a_tunnel_and_who_is_in_it(given, address, name, kind):
    (receiver,) = needs_of(given, address).receivers
    assert receiver == (name, kind, False)


def test_gre_with_and_without_a_checksum_cannot_share_an_address():
    services = [service("web", TUN, tunnel, port) for port, tunnel in ((80, GRE), (81, GRE_CHECKSUM))]
    with pytest.raises(RealServerError, match="set the same `checksum` in both"):
        needs_of(inventory({"10.100.0.1": services}), R1)


def test_nat_without_an_inside_address():
    given = inventory({"10.100.0.1": [service("web", Forwarding.NAT)]}, inside=False)
    with pytest.raises(RealServerError, match="no director has an IPv4 address in `inside`"):
        needs_of(given, R1)


def test_one_gateway_spreads_nothing():
    given = CASES["nat"]
    one = replace(given, directors={"d1": given.directors["d1"]})
    assert needs_of(one, R1).spread == {}
    assert needs_of(given, SIX).spread == {"net/ipv6/fib_multipath_hash_policy": "1"}


def test_a_host_that_is_several_members():
    host = host_of(CASES["ipip"], (R1, R2, SIX, R1))
    assert [(receiver.name, str(local)) for receiver, local in host.receivers] == [
        ("clb-ipip", "10.2.0.101"),
        ("clb-ipip2", "10.2.0.102"),
        ("clb-ip6tnl", "fd00:2::101"),
    ]
    assert {key: value for key, value in host.settings.items() if "rp_filter" in key} == {
        "net/ipv4/conf/clb-ipip/rp_filter": "2",
        "net/ipv4/conf/clb-ipip2/rp_filter": "2",
    }
    assert len(host.clamps) == 2


def test_members_by_name_and_by_pool():
    assert member_named(MIXED, "10.2.0.101") == member_named(MIXED, "10.2.0.101:8080") == R1
    assert member_named(MIXED, "10.2.0.102:80") == R2
    assert member_named(CASES["dr"], "[fd00:2::101]:80") == SIX
    assert members_of(MIXED) == members_of(MIXED, "map") == (R1, R2)
    with pytest.raises(
        RealServerError, match=r"10\.2\.0\.101:81 is no member .*: 10\.2\.0\.101, 10\.2\.0\.102"
    ):
        member_named(MIXED, "10.2.0.101:81")
    with pytest.raises(RealServerError, match="there is no pool 'shop'; there are: web, map"):
        members_of(MIXED, "shop")
