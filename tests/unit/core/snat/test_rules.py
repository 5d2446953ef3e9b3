"""The SNAT part of the table: what it says about whom; what it does is shown natively (tests/frr)."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from clusterlb.core.snat.buckets import Buckets, current
from clusterlb.core.snat.marks import ASK, FIRST, MASK, marks
from clusterlb.core.snat.rules import read_buckets, snat_part
from clusterlb.model.address import AddressFamily
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.rules import Rules
from tests.unit.core.snat.test_place import DIRECTORS, HERE, INVENTORY, POOL

V4 = AddressFamily.IPV4
VIP, MEMBER = ip_address("10.100.0.1"), ip_address("10.2.0.101")
BUCKETS = {("internet", V4): Buckets(current(DIRECTORS))}


def part(pool=POOL, director=HERE, **changes):
    inventory = replace(INVENTORY, snat_pools={pool.name: pool}, **changes)
    return snat_part(inventory, director, BUCKETS)


def test_no_pool_no_part():
    assert snat_part(replace(INVENTORY, snat_pools={}), HERE, {}).chains == ""


def test_the_maps_name_the_others_and_are_read_back_with_ourselves():
    found = part()
    named = set(found.sets["snat_current4_internet"].elements.values())
    others = marks(DIRECTORS)
    del others["d1"]
    assert named == {f"{mark:#010x}" for mark in others.values()}
    back = read_buckets(Rules(found.chains, found.sets), INVENTORY, HERE)
    assert back["internet", V4] == BUCKETS["internet", V4]


def test_the_part_has_a_match_for_each_condition_of_a_pool():
    pool = replace(POOL, destinations=(ip_network("192.0.2.0/24"), ip_network("fd09::/32")), fwmark=7)
    text = part(pool).chains
    where = "ip saddr { 10.2.0.0/16 } ip daddr { 192.0.2.0/24 } meta mark 0x7 goto snat_steer4_internet"
    assert where in text
    assert "ip6 saddr" not in text.replace("jhash ip6 saddr", "").replace("ip6 saddr . meta", "")


def test_pools_match_in_the_inventory_s_order():
    first = replace(POOL, name="partner", destinations=(ip_network("192.0.2.0/24"),))
    text = snat_part(replace(INVENTORY, snat_pools={"partner": first, "internet": POOL}), HERE, {}).chains
    assert text.index("goto snat_steer4_partner") < text.index("goto snat_steer4_internet")


def test_who_has_no_address_of_a_pool_sends_on_and_translates_nothing():
    text = part(replace(POOL, addresses={"d2": POOL.addresses["d2"]})).chains
    assert "snat ip to" not in text
    assert "  chain snat_out4_internet {\n    drop\n  }" in text


def test_vips_and_the_replies_of_masqueraded_members_are_none_of_a_pool_s():
    service = Service(Protocol.TCP, 80, "web", Forwarding.NAT)
    direct = Service(Protocol.TCP, 81, "mail")
    found = part(
        pools={"web": Pool("web", (Member(MEMBER, 8080),)), "mail": Pool("mail", (Member(MEMBER, 25),))},
        vips={VIP: Vip(VIP, (service, direct))},
    )
    assert set(found.sets["snat_vips4"].elements) == {(str(VIP),)}
    assert set(found.sets["snat_replies4"].elements) == {(str(MEMBER), "tcp", "8080")}


def test_both_own_addresses_and_those_stood_by_for_are_guarded():
    assert set(part().sets["snat_addresses4"].elements) == {("10.100.2.1",), ("10.100.2.3",)}


@pytest.mark.parametrize("count", [1, 8, 40])
def test_marks_are_different_in_their_range_and_stay(count):
    names = [f"d{number}" for number in range(count)]
    found = marks(names)
    assert len(set(found.values())) == count
    assert all(mark & MASK == FIRST and mark != ASK for mark in found.values())
    assert marks(reversed(names)) == found


def test_a_table_without_a_pools_maps_says_nothing_of_it():
    found = part()
    rest = {name: each for name, each in found.sets.items() if name != "snat_previous4_internet"}
    assert ("internet", V4) not in read_buckets(Rules(found.chains, rest), INVENTORY, HERE)
    assert read_buckets(Rules(), INVENTORY, HERE) == {}
