from ipaddress import IPv4Address, ip_address

import pytest
from lab_inventories import SPEC, inventory, laid_out

from clusterlb.lab.netns import LabError
from clusterlb.lab.spec import LabSpec
from clusterlb.lab.topology import SERVER_NET, topology

TUNNELLED = "{protocol: tcp, port: 80, pool: web, forwarding: tun}"


def test_names_are_those_that_operators_type():
    assert laid_out(SPEC).names == ("switch", "client", "d1", "d2", "r1", "r2")


def test_addresses_follow_the_numbers():
    lab = laid_out(SPEC)
    assert lab.director("d2").router_id == IPv4Address("10.1.0.2")
    assert lab.director("d2").inside == (IPv4Address("10.2.0.2"),)
    assert lab.server("r2").address == IPv4Address("10.2.0.102")
    assert [str(vip) for vip in lab.vips] == ["10.100.0.1", "10.100.0.2"]


def test_sixteen_directors_and_a_hundred_servers_have_addresses_of_their_own():
    lab = laid_out(LabSpec(directors=16, real_servers=100, vips=250))
    found = [a for d in lab.directors for a in d.inside] + [s.address for s in lab.servers]
    assert len(set(found)) == 116


@pytest.mark.parametrize(
    ("address", "number"),
    [("10.2.0.101", 101), ("fd00:2::101", 101), ("fd00:2::65", 65), ("fd00:2::a1", None), ("10.3.0.1", None)],
)
def test_a_host_has_one_number_which_reads_alike_in_both_families(address, number):
    assert SERVER_NET.number(ip_address(address)) == number


def test_members_of_both_families_with_the_same_number_are_one_host():
    lab = laid_out(f'{{members: [10.2.0.103, "fd00:2::103"], services: [{TUNNELLED}]}}')
    (server,) = lab.servers
    assert server.name == "r3"
    assert [str(address) for address in server.addresses] == ["10.2.0.103", "fd00:2::103"]


def test_ospf6_is_for_ipv6_vips_alone():
    members = laid_out(f'{{members: ["fd00:2::101"], services: [{TUNNELLED}]}}')
    assert (members.dual, members.ospf6) == (True, False)
    assert laid_out('cluster: {vip_prefixes: [10.100.0.0/24, "fd00:100::/64"]}').ospf6


def test_who_announces_a_vip_depends_on_its_ha():
    lab = laid_out("""
        directors: {d1: {router_id: 10.1.0.1}, d2: {router_id: 10.1.0.2}}
        vips:
          10.100.0.2: {ha: {order: [d2, d1]}, services: [{protocol: tcp, port: 80, pool: web}]}
        """)
    assert list(lab.announcers.values()) == [("d1", "d2"), ("d2",)]


def test_sources_that_clusterlb_does_not_announce_are_the_operators():
    lab = laid_out("directors: {d1: {router_id: 10.1.0.1, local_addresses: [10.100.0.9, 10.2.0.51]}}")
    assert [str(address) for address in lab.director("d1").sources] == ["10.2.0.51"]


def test_everything_that_does_not_fit_is_said_at_once():
    misfit = inventory("""
        members: [10.2.0.7, 192.0.2.1]
        directors:
          d1: {router_id: 192.0.2.1, uplinks: [eth0]}
          switch: {router_id: 10.1.0.2, inside: [10.1.0.2], local_addresses: [192.0.2.7]}
        """)
    with pytest.raises(LabError) as caught:
        topology(misfit)
    _, *lines = str(caught.value).splitlines()
    assert [line.strip().split(": ")[0] for line in lines] == [
        *["director d1"] * 2,
        *["director switch"] * 3,
        *["member 10.2.0.7", "member 192.0.2.1"],
    ]
