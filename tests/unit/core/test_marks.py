"""Marks come from what they stand for, and no two are the same."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from clusterlb.core.marks import director_marks, probe_services, service_marks, unused_mark
from clusterlb.model.check import CheckSpec, Via
from clusterlb.model.forwarding import PortRange
from clusterlb.model.inventory import Cluster, Inventory, Member, Pool, Service, ServiceName, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.marks import DIRECTOR_MARKS, SERVICE_MARKS, UNKNOWN_OWNER

ONE, TWO = IPv4Address("10.100.0.1"), IPv4Address("10.100.0.2")
WEB = Service(Protocol.TCP, 80, "web")
SEVERAL = Service(Protocol.TCP, 0, "web", ports=(PortRange(443, 443), PortRange(8000, 8010)))
MARKED = Service(Protocol.TCP, 0, "web", fwmark=7)
EVERY = Service(Protocol.UDP, 0, "web", persistence=60.0)
HTTPS = ServiceName(Protocol.TCP, 443)


def test_only_several_ports_and_groups_have_marks():
    alone = Vip(ONE, (WEB, SEVERAL, MARKED, EVERY))
    assert set(service_marks([alone])) == {(ONE, HTTPS)}
    group = replace(alone, group=(ONE, TWO))
    names = {WEB.name, HTTPS, EVERY.name}
    assert set(service_marks([group])) == {(ONE, name) for name in names}


def test_a_mark_outlives_what_changes_around_it():
    before = service_marks([Vip(ONE, (SEVERAL,)), Vip(TWO, (SEVERAL,))])
    wider = replace(SEVERAL, ports=(*SEVERAL.ports, PortRange(9000, 9000)), scheduler="rr", pool="alt")
    after = service_marks([Vip(ONE, (WEB, wider), group=(ONE, IPv4Address("10.100.0.3")))])
    assert after[ONE, HTTPS] == before[ONE, HTTPS]
    assert service_marks([Vip(TWO, (SEVERAL,)), Vip(ONE, (SEVERAL,))]) == before


def test_no_two_services_share_a_mark():
    found = service_marks(Vip(IPv4Address(int(ONE) + n), (SEVERAL,)) for n in range(2000))
    assert len(set(found.values())) == 2000
    assert all(mark in SERVICE_MARKS for mark in found.values())


def test_no_mark_is_given_twice_where_texts_collide():
    taken: set[int] = set()
    assert {unused_mark(text, taken, range(7, 10)) for text in "abc"} == taken == {7, 8, 9}


@pytest.mark.parametrize("count", [1, 8, 40])
def test_marks_of_directors_are_different_in_their_range_and_stay(count):
    names = [f"d{number}" for number in range(count)]
    found = director_marks(names)
    assert len(set(found.values())) == count
    assert all(mark in DIRECTOR_MARKS and mark != UNKNOWN_OWNER for mark in found.values())
    assert director_marks(reversed(names)) == found


def test_a_probe_through_a_service_that_keeps_the_port_goes_to_the_members_port():
    member = Member(IPv4Address("10.2.0.101"), 8080)
    pool = Pool("web", (member,), (CheckSpec(via=Via.VIP),))
    vip = Vip(ONE, (WEB, SEVERAL, MARKED, EVERY))
    inventory = Inventory(Cluster("c", ()), {}, {"web": pool}, {ONE: vip})
    found = list(probe_services(inventory))
    assert [probe.through.vip.port for probe in found] == [80, 8080, 8080, 8080]
    assert len({probe.through.mark for probe in found}) == 4
