"""Ports that run out are announced before they do, and an alarm at the threshold does not flap."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from fake_director import VIP, inventory

from clusterlb.core.port_use import CLIENT_PORTS, AddressKind, Level, alarms, level, translated_addresses
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Director
from clusterlb.model.port_use import AddressUse, Remote
from clusterlb.model.snat import SnatPool

LIPS = ip_address("10.100.1.1"), ip_address("fd00:100:1::1")
SNAT = {
    name: (ip_address(f"10.100.2.{n}"), ip_address(f"10.100.2.1{n}"))
    for n, name in enumerate(("d1", "d2", "d3"), 1)
}
REMOTE = Remote(6, ip_address("10.2.0.101"), 80)


def cluster(forwarding=Forwarding.DR, member_forwarding=None, **pools):
    base = inventory()
    director = replace(base.directors["d1"], local_addresses=LIPS)
    others = {name: Director(name, director.router_id, ()) for name in ("d2", "d3")}
    vip = base.vips[VIP]
    service = replace(vip.services[0], forwarding=forwarding)
    first, *rest = base.pools["web"].members
    members = (replace(first, forwarding=member_forwarding), *rest)
    return replace(
        base,
        directors={"d1": director, **others},
        pools={"web": replace(base.pools["web"], members=members)},
        vips={VIP: replace(vip, services=(service,))},
        snat_pools={name: SnatPool(name, (ip_network("10.2.0.0/24"),), own) for name, own in pools.items()},
    )


def own(found, name="d1"):
    return translated_addresses(found, found.directors[name])


def test_nothing_is_translated_without_full_nat_and_snat_pools():
    assert own(cluster()) == {}
    assert own(cluster(Forwarding.NAT)) == {}


@pytest.mark.parametrize(
    "found", [cluster(Forwarding.FULLNAT), cluster(member_forwarding=Forwarding.FULLNAT)]
)
def test_local_addresses_of_full_nat(found):
    assert {address: what.kind for address, what in own(found).items()} == dict.fromkeys(
        LIPS, AddressKind.LOCAL
    )
    assert "director d1" in own(found)[LIPS[0]].remedy
    assert own(found, "d2") == {}


def test_snat_addresses_of_the_owner_and_of_the_backup():
    found = cluster(internet=SNAT)
    assert list(own(found, "d2")) == [*SNAT["d1"], *SNAT["d2"]]
    assert {what.kind for what in own(found, "d2").values()} == {AddressKind.SNAT}
    assert "addresses of d1 to SNAT pool internet" in own(found, "d2")[SNAT["d1"][0]].remedy


def test_the_levels():
    assert CLIENT_PORTS == 64512
    assert level(45158) is Level.FINE
    assert level(45159) is Level.WARNING
    assert level(58060) is Level.WARNING
    assert level(58061) is Level.CRITICAL
    assert level(CLIENT_PORTS + 1023) is Level.CRITICAL


def test_a_level_is_left_only_well_below_its_threshold():
    assert level(58060, Level.CRITICAL) is Level.CRITICAL
    assert level(54835, Level.CRITICAL) is Level.WARNING
    assert level(45158, Level.WARNING) is Level.WARNING
    assert level(41932, Level.WARNING) is Level.FINE
    assert level(41932, Level.CRITICAL) is Level.FINE
    assert level(45158, Level.CRITICAL) is Level.WARNING


def test_an_alarm_says_what_where_and_what_to_do():
    known = own(cluster(Forwarding.FULLNAT))
    uses = {LIPS[0]: AddressUse(70000, 50000, REMOTE), LIPS[1]: AddressUse(100, 3, REMOTE)}
    found = alarms(uses, known, {})
    assert list(found) == [LIPS[0]]
    assert str(found[LIPS[0]]) == (
        "warning: local address 10.100.1.1 uses 50000 of 64512 ports to tcp 10.2.0.101:80: "
        "add local_addresses to director d1, members to the pool, or spread over more directors"
    )


def test_alarms_remember_and_put_the_fullest_first():
    known = own(cluster(Forwarding.FULLNAT))
    high = {LIPS[0]: AddressUse(50000, 50000, REMOTE), LIPS[1]: AddressUse(60000, 60000, REMOTE)}
    before = alarms(high, known, {})
    assert list(before) == [LIPS[1], LIPS[0]]
    less = {LIPS[0]: AddressUse(44000, 44000, REMOTE), LIPS[1]: AddressUse(57000, 57000, REMOTE)}
    assert {a: alarm.level for a, alarm in alarms(less, known, before).items()} == {
        LIPS[1]: Level.CRITICAL,
        LIPS[0]: Level.WARNING,
    }
    assert alarms({LIPS[0]: less[LIPS[0]]}, known, {}) == {}
