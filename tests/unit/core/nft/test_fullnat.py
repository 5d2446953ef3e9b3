from dataclasses import replace

from forwarding_inventories import D1, DIRECT, FULLNAT, TCP, every_method, only

from clusterlb.core.nft.fullnat import fullnat
from clusterlb.model.forwarding import Forwarding, PortRange
from clusterlb.model.inventory import Service, Vip


def test_packets_to_the_members_leave_with_an_address_of_the_directors():
    part = fullnat(every_method(), D1)
    assert set(part.sets["fullnat4"].elements) == {
        ("10.2.0.101", "tcp", "8081"),
        ("10.2.0.102", "tcp", "8081"),
    }
    assert "map { 0 : 10.100.1.1, 1 : 10.100.1.2 }" in part.chains
    assert "snat ip6 to fd00:100:1::1" in part.chains


def test_the_choice_is_by_the_clients_address_and_port():
    text = fullnat(every_method(), D1).chains
    assert "jhash ip saddr . th sport mod 2" in text
    assert "numgen" not in text


def test_a_director_without_a_local_address_of_the_family_translates_nothing():
    four = replace(D1, local_addresses=D1.local_addresses[:1])
    assert "ip6" not in fullnat(every_method(), four).chains


def test_without_full_nat_no_connection_is_tracked():
    assert fullnat(only(every_method(), DIRECT), D1).chains == ""


def test_a_service_that_keeps_the_port_translates_on_each_of_its_ports():
    given = only(every_method(), FULLNAT)
    ports = (PortRange(80, 80), PortRange(8000, 8010))
    service = Service(TCP, 0, "full", Forwarding.FULLNAT, ports=ports, mark=0x44000003)
    part = fullnat(replace(given, vips={FULLNAT: Vip(FULLNAT, (service,))}), D1)
    assert ("10.2.0.101", "8000-8010") in part.sets["fullnat_tcp4"].elements


def test_the_log_has_a_line_before_and_a_line_after_the_translation():
    assert "log prefix" not in fullnat(every_method(), D1).chains
    text = fullnat(every_method(log_connections=True), D1).chains
    for prefix, place in (("clusterlb client ", "srcnat - 1"), ("clusterlb local ", "srcnat + 1")):
        assert f'log prefix "{prefix}" flags tcp sequence' in text
        assert f"postrouting priority {place}" in text
