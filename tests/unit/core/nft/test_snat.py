"""The SNAT part of the table: what it says about whom; what it does is shown natively (tests/frr)."""

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from forwarding_inventories import every_method

from clusterlb.core.marks import director_marks
from clusterlb.core.nft.part import join
from clusterlb.core.nft.snat import read_buckets, snat_part
from clusterlb.core.nft.table import parts
from clusterlb.core.snat.buckets import Buckets, current
from clusterlb.model.address import AddressFamily
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory, Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.rules import Rules
from tests.unit.core.snat.test_place import DIRECTORS, HERE, INVENTORY, POOL

V4 = AddressFamily.IPV4
VIP, MEMBER, OTHER = map(ip_address, ("10.100.0.1", "10.2.0.101", "10.2.0.102"))
BUCKETS = {("internet", V4): Buckets(current(DIRECTORS))}


def part(pool=POOL, director=HERE, **changes):
    inventory = replace(INVENTORY, snat_pools={pool.name: pool}, **changes)
    return snat_part(inventory, director, BUCKETS)


def test_no_pool_no_part():
    assert snat_part(replace(INVENTORY, snat_pools={}), HERE, {}).chains == ""


def test_the_maps_name_the_others_and_are_read_back_with_ourselves():
    found = part()
    named = set(found.sets["snat_current4_internet"].elements.values())
    others = director_marks(DIRECTORS)
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
    assert set(found.sets["vips4"].elements) == {(str(VIP),)}
    assert set(found.sets["untracked_reply4"].elements) == {(str(MEMBER), "tcp", "8080")}
    assert found.chains.count("ip daddr @vips4 accept") == 2
    assert found.chains.count("@untracked_reply4 accept") == 2
    assert "tracked_reply4" not in found.sets


def mixed() -> Inventory:
    """Return a service with nat for one member and full NAT for another, beside one with nat alone."""
    members = (Member(MEMBER, 8080), Member(OTHER, 8080, forwarding=Forwarding.FULLNAT))
    pools = {"web": Pool("web", members), "mail": Pool("mail", (Member(MEMBER, 25),))}
    services = (
        Service(Protocol.TCP, 80, "web", Forwarding.NAT),
        Service(Protocol.TCP, 25, "mail", Forwarding.NAT),
    )
    return replace(INVENTORY, pools=pools, vips={VIP: Vip(VIP, services)})


def test_replies_of_a_service_with_both_are_tracked_and_none_of_a_pool_s_either():
    found = snat_part(mixed(), HERE, BUCKETS)
    assert set(found.sets["untracked_reply4"].elements) == {(str(MEMBER), "tcp", "25")}
    assert set(found.sets["tracked_reply4"].elements) == {(str(MEMBER), "tcp", "8080")}
    assert found.chains.count("@tracked_reply4 accept") == 2


def whole(inventory: Inventory) -> Rules:
    return join((*parts(inventory, HERE), snat_part(inventory, HERE, BUCKETS)))


@pytest.mark.parametrize(
    "inventory",
    [INVENTORY, mixed(), replace(every_method(), directors=DIRECTORS, snat_pools={"internet": POOL})],
)
def test_no_two_sets_of_the_table_hold_the_same_elements(inventory):
    sets = {name: each for name, each in whole(inventory).sets.items() if not each.value and each.elements}
    held = [frozenset(each.elements) for each in sets.values()]
    assert len(set(held)) == len(held), sets


def test_the_part_of_the_old_inventory_loads_beside_the_others_of_the_new_one():
    """A reload checks the table before it knows the new SNAT part; then the new parts' sets hold."""
    old, new = mixed(), replace(INVENTORY, snat_pools={})
    rules = join((*parts(new, HERE), snat_part(old, HERE, BUCKETS)))
    assert set(re.findall(r"@(\w+)", rules.chains)) <= rules.sets.keys()
    later = replace(old, vips={OTHER: Vip(OTHER, (Service(Protocol.TCP, 81, "mail"),))})
    rules = join((*parts(later, HERE), snat_part(old, HERE, BUCKETS)))
    assert set(rules.sets["vips4"].elements) == {(str(OTHER),)}


def test_a_table_without_a_pools_maps_says_nothing_of_it():
    found = part()
    rest = {name: each for name, each in found.sets.items() if name != "snat_previous4_internet"}
    assert ("internet", V4) not in read_buckets(Rules(found.chains, rest), INVENTORY, HERE)
    assert read_buckets(Rules(), INVENTORY, HERE) == {}
