"""The model of mh's table. tests/kernel/test_maglev.py holds it against thousands of the kernel's picks."""

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address

import pytest

from clusterlb.core.maglev import SIZE, fold, hsiphash, maglev_table, shape
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    VirtualService,
)

BOTH = ServiceFlag.SCHED1 | ServiceFlag.SCHED2
NETWORKS = {4: "10.2.0.0", 6: "2001:db8:2::"}
DRAINED = [(4, 4), (2, 0), (2, 2), (6, 0), (4, 4)]  # nominal weights, and those of now

# What Linux 7.3 picked for these clients and ports in tests/kernel/test_maglev.py's service of IPv4, then of
# IPv6, with both flags and the weights DRAINED.
PICKED = """
198.18.128.78 56105 10.2.0.5 54
198.18.81.41 64268 10.2.0.5 54
198.18.1.63 47658 10.2.0.3 54
198.18.252.43 18063 10.2.0.1 54
198.18.157.97 19914 10.2.0.3 54
198.18.53.55 61861 10.2.0.3 54
198.18.169.206 49982 10.2.0.1 54
198.18.67.90 3058 10.2.0.5 54
198.18.19.94 65083 10.2.0.5 54
198.18.135.54 52340 10.2.0.5 54
198.18.100.191 27107 10.2.0.1 54
198.18.169.63 45234 10.2.0.5 54
198.18.213.128 53705 10.2.0.5 54
198.18.32.238 62947 10.2.0.3 54
198.18.113.119 26537 10.2.0.5 54
198.18.133.96 40050 10.2.0.1 54
198.18.238.184 18945 10.2.0.5 54
198.18.194.197 1415 10.2.0.5 54
198.18.11.144 24687 10.2.0.5 54
198.18.139.89 6738 10.2.0.5 54
198.18.44.81 4738 10.2.0.1 54
198.18.83.3 7564 10.2.0.5 54
198.18.50.176 3393 10.2.0.1 54
198.18.48.176 64475 10.2.0.1 54
2001:db8:9:0:f1e3:d2b1:1fee:9c07 5726 2001:db8:2::5 54
2001:db8:9:0:1719:cbb7:220a:37ae 23113 2001:db8:2::1 54
2001:db8:9:0:a321:1fc0:c7ea:e603 25461 2001:db8:2::5 54
2001:db8:9:0:a83f:cadf:f7db:9a86 45234 2001:db8:2::5 54
2001:db8:9:0:2b51:1992:fa3b:662 4738 2001:db8:2::5 54
2001:db8:9:0:eda5:9fa1:3437:84b4 34912 2001:db8:2::1 54
2001:db8:9:0:a8ce:56db:1652:962b 49982 2001:db8:2::5 54
2001:db8:9:0:c874:ecee:8636:ef2e 21545 2001:db8:2::5 54
2001:db8:9:0:76d5:40eb:2093:2576 28818 2001:db8:2::3 54
2001:db8:9:0:5203:1cc5:65e3:6a5e 7564 2001:db8:2::5 54
2001:db8:9:0:fb2b:e819:5c6f:cef7 18063 2001:db8:2::3 54
2001:db8:9:0:b62a:d1d7:3f:a5d5 13232 2001:db8:2::5 54
2001:db8:9:0:187:1062:c1c5:10e7 36441 2001:db8:2::5 54
2001:db8:9:0:eeff:34bf:bdba:7e05 30337 2001:db8:2::1 54
2001:db8:9:0:3a51:6a29:3e41:dba 23173 2001:db8:2::5 54
2001:db8:9:0:d480:7187:9872:3fb0 53705 2001:db8:2::3 54
2001:db8:9:0:31b0:7639:d729:7877 3393 2001:db8:2::1 54
2001:db8:9:0:1294:d619:fbf0:5923 19979 2001:db8:2::5 54
2001:db8:9:0:dd3b:d737:5c9d:cf11 51984 2001:db8:2::5 54
2001:db8:9:0:ae1b:dd5a:9fbf:c74b 16645 2001:db8:2::1 54
2001:db8:9:0:49ca:509f:9c61:b7f6 33614 2001:db8:2::1 54
2001:db8:9:0:7077:78fa:f70c:62f9 26537 2001:db8:2::3 54
2001:db8:9:0:7f2:fcd3:425a:5dd9 26559 2001:db8:2::3 54
2001:db8:9:0:4601:1bc4:edb8:34bb 3728 2001:db8:2::5 54
"""


def state(weights, flags=BOTH, version=4) -> ServiceState:
    family = AddressFamily.IPV4 if version == 4 else AddressFamily.IPV6
    key = ServiceKey(family, Protocol.UDP, ip_address("198.18.0.1"), 53)
    members = tuple(
        Destination(
            DestinationKey(ip_address(NETWORKS[version]) + number, 53 + number % 2),
            ForwardMethod.MASQ,
            now,
            nominal=nominal,
        )
        for number, (nominal, now) in enumerate(weights, 1)
    )
    return ServiceState(VirtualService(key, "mh", flags), members)


def clients(count):
    return [(ip_address("198.18.0.0") + 7 * number, 1024 + number) for number in range(count)]


@pytest.mark.parametrize("line", PICKED.split("\n")[1:-1])
def test_what_a_kernel_picked(line):
    client, port, member, member_port = line.split()
    table = maglev_table(state(DRAINED, version=ip_address(client).version))
    assert table.pick(ip_address(client), int(port)) == (ip_address(member), int(member_port))


def test_slots_follow_the_last_weights():
    counts = Counter(maglev_table(state([(4, 4), (2, 0), (1, 1)])).slots)
    assert sum(counts.values()) == SIZE
    shares = [counts[number] / SIZE for number in (2, 1, 0)]  # the newest is the first
    assert shares == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=0.01)


def test_a_huge_weight_has_63_turns_at_most_and_a_small_one_its_one():
    counts = Counter(maglev_table(state([(65535, 65535), (1, 1)])).slots)
    assert counts[1] / counts[0] == pytest.approx(63, abs=3)


def test_a_destination_that_never_had_a_weight_has_no_slots():
    assert set(maglev_table(state([(0, 0), (1, 1)])).slots) == {0}


def test_without_any_weight_nobody_is_picked():
    for weights in ([], [(0, 0)]):
        table = maglev_table(state(weights))
        assert table.slots == ()
        assert table.pick(*clients(1)[0]) is None


def test_only_the_flows_of_a_destination_at_weight_0_go_elsewhere():
    full, drained = maglev_table(state([(1, 1)] * 4)), maglev_table(state([(1, 1), (1, 0), (1, 1), (1, 1)]))
    gone = ip_address("10.2.0.2")
    for client in clients(400):
        before, after = full.pick(*client), drained.pick(*client)
        assert after is not None
        assert after.address != gone
        assert after == before or before.address == gone


def test_without_the_fallback_they_are_turned_away():
    table = maglev_table(state([(1, 1), (1, 0)], ServiceFlag.SCHED2))
    picks = {table.pick(*client) for client in clients(100)}
    assert picks == {None, (ip_address("10.2.0.1"), 54)}


def test_with_the_fallback_and_nobody_left_too():
    assert {maglev_table(state([(1, 0), (2, 0)])).pick(*client) for client in clients(20)} == {None}


def test_without_mh_port_a_client_has_one_member():
    table = maglev_table(state([(1, 1)] * 5, ServiceFlag.SCHED1))
    client = ip_address("198.18.7.7")
    assert len({table.pick(client, port) for port in range(1024, 1224)}) == 1


def test_ipv6_addresses_are_folded():
    assert fold(ip_address("1:2:3:4:5:6:7:8")) == 0x10002 ^ 0x30004 ^ 0x50006 ^ 0x70008
    assert fold(ip_address("192.0.2.1")) == 0xC0000201


def test_hash_has_32_bits():
    assert all(0 <= hsiphash(number, 2654435761) < 1 << 32 for number in (0, 1, 0xFFFFFFFF))


def test_equal_shapes_have_equal_tables_and_what_moves_flows_is_part_of_it():
    base = state([(2, 2), (1, 1)])
    assert shape(base) == shape(replace(base, service=replace(base.service, prefix=24)))
    others = [
        state([(1, 1), (2, 2)]),
        state([(2, 0), (1, 1)]),
        state([(2, 2), (1, 1)], ServiceFlag.SCHED1),
        replace(base, destinations=base.destinations[::-1]),
        replace(base, destinations=base.destinations[:1]),
    ]
    assert all(shape(other) != shape(base) for other in others)
