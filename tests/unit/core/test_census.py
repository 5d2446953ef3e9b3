"""Live flows, and those that the table would send to another member."""

import pickle
from dataclasses import replace
from ipaddress import ip_address

import pytest

from clusterlb.core.census import Survey, census, is_stray, lives, silent_for, uncountable
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.maglev import maglev_table
from clusterlb.core.programme import destination, virtual_service
from clusterlb.model.flow import Flow, FlowCount, FlowEntry
from clusterlb.model.inventory import Member, Service, Vip
from clusterlb.model.ipvs import DestinationKey, Protocol, ProtocolTimeouts, ServiceState

VIP = ip_address("10.100.0.1")
SERVICE = Service(Protocol.TCP, 80, "web")
KEY = SERVICE.key(VIP)
MEMBERS = tuple(Member(ip_address(f"10.2.0.{last}"), 8080) for last in (1, 2, 3))


def table(*weights, service=SERVICE):
    found = [destination(service, one, weight) for one, weight in zip(MEMBERS, weights, strict=True)]
    return ServiceState(virtual_service(Vip(VIP, (service,)), service), tuple(found))


def flow(number):
    return Flow(Protocol.TCP, ip_address("198.18.0.0") + number, 1024 + number, VIP, 80)


def entries(count, state="ESTABLISHED", expires=900):
    """Entries as the full table has placed the flows."""
    picks = maglev_table(table(1, 1, 1))
    each = (flow(number) for number in range(count))
    return [FlowEntry(one, picks.pick(one.client, one.client_port), state, expires) for one in each]


def survey(*tables, key=KEY, service=SERVICE):
    return Survey(ServiceFinder({key: (Vip(VIP, (service,)), service)}), {key: tables}, 120)


def test_by_the_table_that_placed_them_there_is_no_stray_and_by_a_drained_one_a_third():
    found = census(survey(table(1, 1, 1), table(1, 0, 1)), entries(300)).counts
    of_the_drained = sum(entry.destination.address == MEMBERS[1].address for entry in entries(300))
    assert found == {KEY: FlowCount(300, (0, of_the_drained))}
    assert 60 < of_the_drained < 140


def test_a_service_that_goes_has_its_flows_counted():
    assert census(survey(), entries(10)).counts == {KEY: FlowCount(10, ())}


def test_no_flows():
    assert census(survey(table(1, 1, 1)), []).counts == {KEY: FlowCount(0, (0,))}


def test_flows_of_other_services_do_not_count():
    other = [replace_flow(entry, port=81) for entry in entries(10)]
    assert census(survey(table(1, 1, 1)), other).counts == {KEY: FlowCount(0, (0,))}
    elsewhere = survey(table(1, 1, 1))
    assert census(replace(elsewhere, services={}), entries(10)).counts == {}


def replace_flow(entry, **changes):
    return entry._replace(flow=entry.flow._replace(**changes))


@pytest.mark.parametrize(
    ("state", "expires", "lived"),
    [
        ("ESTABLISHED", 1, True),
        ("SYN_RECV", 50, True),
        ("CLOSE_WAIT", 50, True),
        ("UDP", 200, True),
        ("FIN_WAIT", 119, True),
        ("FIN_WAIT", 100, False),
        ("TIME_WAIT", 100, False),
        ("CLOSE", 9, False),
        ("LAST_ACK", 9, False),
    ],
)
def test_which_live(state, expires, lived):
    (entry,) = entries(1, state, expires)
    assert lives(entry, 120) is lived
    assert not lives(replace_flow(entry, client_port=0), 120)


def test_a_member_that_keeps_the_clients_port():
    service = replace(SERVICE, port=0)
    picks = maglev_table(table(1, 1, 1, service=service))
    one = flow(5)
    picked = picks.pick(one.client, one.client_port)
    assert picked.port == 0
    on_it = FlowEntry(one, DestinationKey(picked.address, 80), "ESTABLISHED", 900)
    assert not is_stray(on_it, picks)
    assert is_stray(on_it._replace(destination=DestinationKey(ip_address("10.2.0.9"), 80)), picks)


def test_a_flow_that_the_table_turns_away_is_a_stray():
    (entry,) = entries(1)
    assert is_stray(entry, maglev_table(table(0, 0, 0)))


def test_what_cannot_be_counted_says_why():
    assert uncountable(table(1, 1, 1)) == ""
    assert "wlc" in uncountable(table(1, 1, 1, service=replace(SERVICE, scheduler="wlc", flags=frozenset())))
    assert "persistence" in uncountable(table(1, 1, 1, service=replace(SERVICE, persistence=60)))


def test_a_survey_travels_to_another_process():
    wanted = survey(table(1, 1, 1), table(0, 1, 1))
    assert census(pickle.loads(pickle.dumps(wanted)), entries(50)) == census(wanted, entries(50))


def test_a_flow_says_what_it_is():
    assert str(flow(1)) == "tcp 198.18.0.1:1025 to 10.100.0.1:80"


def test_strays_are_named_when_they_are_asked_for():
    drained = survey(table(1, 0, 1), table(1, 1, 1))
    assert census(drained, entries(50)).strays == ()
    found = census(replace(drained, listing=True), entries(50))
    assert {entry.destination.address for entry in found.strays} == {MEMBERS[1].address}
    assert len(found.strays) == found.counts[KEY].strays[0]


def test_what_becomes_of_flows_that_are_known():
    stray, settled, ended = entries(3)
    elsewhere = stray._replace(destination=DestinationKey(ip_address("10.2.0.9"), 8080))
    known = frozenset({stray.flow, settled.flow, ended.flow, flow(99)})
    found = census(
        replace(survey(table(1, 1, 1)), known=known), [elsewhere, settled, ended._replace(state="CLOSE")]
    )
    assert (found.settled, found.ended) == ((settled,), (ended._replace(state="CLOSE"),))


def test_flows_that_are_idle_are_named_and_count_when_their_entry_is_gone():
    quiet, loud = (each._replace(expires=left) for each, left in zip(entries(2), (10, 800), strict=True))
    asked = replace(survey(table(1, 1, 1)), idle_below=600, listing=True)
    assert census(asked, [quiet, loud, quiet._replace(flow=flow(7), state="SYN_RECV")]).idle == (quiet,)
    moved = quiet._replace(destination=DestinationKey(ip_address("10.2.0.9"), 8080))
    later = replace(
        asked, remembered=(quiet, moved._replace(flow=flow(8)), loud), known=frozenset({quiet.flow})
    )
    found = census(later, [loud])
    assert found.counts[KEY] == FlowCount(3, (1,))
    assert [entry.flow for entry in found.strays] == [flow(8)]
    assert (found.settled, found.idle) == ((), ())


@pytest.mark.parametrize(
    ("state", "expires", "seconds"),
    [
        ("ESTABLISHED", 900, 0),
        ("ESTABLISHED", 60, 840),
        ("ESTABLISHED", -30, 930),
        ("FIN_WAIT", 100, 20),
        ("CLOSE", 4, 6),
        ("UDP", 299, 1),
        ("ESTABLISHED", 7200, 0),
        ("SYNACK", 60, 0),
    ],
)
def test_an_entry_says_when_its_last_packet_came(state, expires, seconds):
    (entry,) = entries(1)
    assert silent_for(entry._replace(state=state, expires=expires), ProtocolTimeouts()) == seconds


def test_the_time_that_an_entry_has_is_what_ipvs_was_told():
    (entry,) = entries(1)
    timeouts = ProtocolTimeouts(tcp=30, tcp_fin=10, udp=60)
    found = [
        silent_for(entry._replace(state=s, expires=5), timeouts) for s in ("ESTABLISHED", "FIN_WAIT", "UDP")
    ]
    assert found == [25, 5, 55]
