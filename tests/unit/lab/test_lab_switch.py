import re
import struct
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from lab_inventories import laid_out

from clusterlb.drivers.netlink.codec import Answer, attribute
from clusterlb.lab import routes
from clusterlb.lab.arrival import missing_next_hops, report
from clusterlb.lab.spec import LabSpec
from clusterlb.lab.switch import policy_routes, ruleset, vip_routes

LAB = laid_out(LabSpec(directors=3, real_servers=1, vips=2))
D1, D2, D3 = (director.router_id for director in LAB.directors)
MARKS = {D1: 101, D2: 102, D3: 103}
FIRST, SECOND = (IPv4Network(vip) for vip in LAB.vips)


def spread(text: str) -> list[dict[int, int]]:
    return [
        {int(bucket): int(mark) for bucket, mark in re.findall(r"(\d+) : (\d+)", line)}
        for line in text.splitlines()
        if "jhash" in line
    ]


def test_a_bucket_goes_to_its_number_modulo_the_next_hops():
    (buckets,) = spread(ruleset({FIRST: (D1, D2, D3)}, MARKS, 7))
    assert buckets == {0: 101, 1: 102, 2: 103, 3: 101, 4: 102, 5: 103, 6: 101}


def test_a_leaving_next_hop_moves_nearly_every_bucket():
    lab = laid_out(LabSpec(directors=8))
    hops = tuple(director.router_id for director in lab.directors)
    marks = {hop: 101 + n for n, hop in enumerate(hops)}
    (before,) = spread(ruleset({FIRST: hops}, marks, 56))
    (after,) = spread(ruleset({FIRST: hops[:2] + hops[3:]}, marks, 56))
    moved = sum(before[bucket] != after[bucket] for bucket in before) / 56
    assert moved > 0.8
    assert 103 not in after.values()


def test_vips_with_the_same_next_hops_share_a_rule():
    text = ruleset({FIRST: (D1, D2), SECOND: (D1, D2)}, MARKS, 4)
    assert text.count("jhash") == 1
    assert "ip daddr { 10.100.0.1, 10.100.0.2 }" in text
    assert ruleset({FIRST: (D1, D2), SECOND: (D2,)}, MARKS, 4).count("jhash") == 2


def test_a_ruleset_replaces_the_old_one_whole():
    assert ruleset({}, MARKS, 4).startswith("table ip lab\ndelete table ip lab\ntable ip lab {")


def test_only_routes_of_vips_are_steered():
    others = dict.fromkeys(map(ip_network, ("10.1.0.1/32", "0.0.0.0/0", "fd00:100::1")), (D2,))
    assert vip_routes({FIRST: (D1,), **others}, LAB.prefixes) == {FIRST: (D1,)}


def test_every_director_has_a_table_of_its_own():
    lines = policy_routes(LAB)
    assert "rule add fwmark 102 lookup 102" in lines
    assert "route add default via 10.1.0.2 dev net-a table 102" in lines


def test_who_is_missing_is_named_with_what_is_missing():
    table = {FIRST: (D1, D3), SECOND: (D1,)}
    assert missing_next_hops(LAB, table) == {"d2": list(LAB.vips), "d3": [LAB.vips[1]]}
    assert missing_next_hops(LAB, {FIRST: (D1, D2, D3), SECOND: (D3, D2, D1)}) == {}


def test_an_ipv6_next_hop_is_the_directors_link_local_address():
    lab = laid_out("""
        cluster: {vip_prefixes: [10.100.0.0/24, "fd00:100::/64"]}
        pools: {web6: {members: [{address: "fd00:2::101", port: 80}]}}
        vips: {"fd00:100::1": {services: [{protocol: tcp, port: 80, pool: web6}]}}
        """)
    table = {FIRST: (D1,), IPv6Network("fd00:100::1"): (IPv6Address("fe80::2"),)}
    assert missing_next_hops(lab, table) == {}  # one of one: who it is does not matter
    del table[IPv6Network("fd00:100::1")]
    assert missing_next_hops(lab, table) == {"d1": [IPv6Address("fd00:100::1")]}


def test_no_more_next_hops_are_waited_for_than_may_be_active():
    lab = replace(LAB, width=2)
    assert missing_next_hops(lab, {FIRST: (D1, D3), SECOND: (D1, D2)}) == {}


def test_a_report_has_the_last_lines_of_the_logs(tmp_path):
    log = tmp_path / "d2.log"
    log.write_text("".join(f"line {n}\n" for n in range(30)))
    text = report("no next hop", ["d2", "d3"], {"d2": log, "d3": tmp_path / "d3.log"})
    assert "line 29" in text
    assert "line 3\n" not in text
    assert "d3" in text
    assert "cannot be read" in text


def message(*attributes: bytes, table: int = 254, kind: int = 1, prefix: int = 32) -> Answer:
    family = 10 if prefix > 32 else 2
    rtmsg = struct.pack("=BBBBBBBBI", family, prefix, 0, 0, table, 11, 0, kind, 0)
    data = struct.pack("=IHHII", 0, 24, 0, 0, 0) + rtmsg + b"".join(attributes)
    return data, 0, len(data)


def hop(address: str) -> bytes:
    inner = attribute(5, ip_address(address).packed)
    return struct.pack("=HBBi", 8 + len(inner), 0, 0, 3) + inner


def test_a_route_over_several_next_hops_is_read_in_order():
    body = message(
        attribute(1, IPv4Address("10.100.0.1").packed), attribute(9, hop("10.1.0.3") + hop("10.1.0.1"))
    )
    assert routes.parse_route(body) == (FIRST, (D3, D1))


def test_an_ipv6_route_over_several_next_hops_is_read():
    destination = attribute(1, IPv6Address("fd00:100::1").packed)
    body = message(destination, attribute(9, hop("fe80::3") + hop("fe80::1")), prefix=128)
    hops = (IPv6Address("fe80::3"), IPv6Address("fe80::1"))
    assert routes.parse_route(body) == (IPv6Network("fd00:100::1"), hops)


def test_a_route_over_one_next_hop_is_read():
    body = message(attribute(1, IPv4Address("10.100.0.1").packed), attribute(5, D2.packed))
    assert routes.parse_route(body) == (FIRST, (D2,))
    assert routes.parse_route(message(attribute(5, D2.packed), prefix=0)) == (IPv4Network("0.0.0.0/0"), (D2,))


def test_other_tables_and_kinds_of_routes_are_left_out():
    destination = attribute(1, IPv4Address("10.100.0.1").packed)
    assert routes.parse_route(message(destination, attribute(5, D2.packed), table=101)) is None
    assert routes.parse_route(message(destination, attribute(5, D2.packed), kind=2)) is None
    assert routes.parse_route(message(destination)) is None
