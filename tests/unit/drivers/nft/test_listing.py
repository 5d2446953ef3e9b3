import json
from ipaddress import ip_address

import pytest

from clusterlb.drivers.nft import listing
from clusterlb.drivers.nft.script import LOADED
from clusterlb.model.rules import ALTERED, Rules

DIGEST = Rules("  chain a {\n  }\n").digest


def said(*objects):
    """Return a listing as nft 1.0.6 writes it."""
    head = {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}
    table = {"table": {"family": "inet", "name": "clusterlb", "handle": 1}}
    return json.dumps({"nftables": [head, table, *objects]})


def named(kind="set", name="one", **more):
    return {kind: {"family": "inet", "name": name, "table": "clusterlb", "handle": 2} | more}


def rule(chain="a", handle=4, **more):
    return {"rule": {"family": "inet", "table": "clusterlb", "chain": chain, "handle": handle} | more}


def elements(**more):
    return dict(listing.parse(said(named(**more))).sets["one"].elements)


@pytest.mark.parametrize(
    ("kind", "written", "key"),
    [
        ("ipv4_addr", "10.0.0.1", ("10.0.0.1",)),
        ("ipv4_addr", {"prefix": {"addr": "10.0.0.0", "len": 24}}, ("10.0.0.0/24",)),
        ("ipv4_addr", {"range": ["10.0.0.1", "10.0.0.9"]}, ("10.0.0.1-10.0.0.9",)),
        # as Python writes addresses, and so all of our keys: otherwise since 3.13
        ("ipv6_addr", "::ffff:1.2.3.4", (str(ip_address("::ffff:1.2.3.4")),)),
        ("ipv6_addr", "::ffff:102:304", (str(ip_address("::ffff:1.2.3.4")),)),
        ("inet_service", 80, ("80",)),
        ("mark", 1140850689, ("0x44000001",)),
        ("mark", {"prefix": {"addr": 8, "len": 29}}, ("0x00000008-0x0000000f",)),
        ("inet_proto", 6, ("tcp",)),
        ("ifname", "e0", ('"e0"',)),
        (["ipv4_addr", "inet_proto"], {"concat": ["10.0.0.1", 17]}, ("10.0.0.1", "udp")),
        ("ipv4_addr . inet_proto", {"concat": ["10.0.0.1", 17]}, ("10.0.0.1", "udp")),
        ("integer", 3, ("3",)),
        ({"typeof": {"symhash": {"mod": 4}}}, 3, ("3",)),
        ("ipv4_addr", {"elem": {"val": "10.0.0.1", "comment": "x", "counter": None}}, ("10.0.0.1",)),
        ("ether_addr", "00:11:22:33:44:55", ("00:11:22:33:44:55",)),
    ],
)
def test_a_key_is_read(kind, written, key):
    assert elements(type=kind, elem=[written]) == {key: ""}


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("mark", 1, "0x00000001"),
        ("verdict", {"jump": {"target": "a"}}, "jump a"),
        ("verdict", {"goto": {"target": "a"}}, "goto a"),
        ("verdict", {"accept": None}, "accept"),
        ("ipv4_addr . inet_service", {"concat": ["10.0.0.1", 80]}, "10.0.0.1 . 80"),
        (["ipv4_addr", "inet_service"], {"concat": ["10.0.0.1", 80]}, "10.0.0.1 . 80"),
    ],
)
def test_a_value_is_read(kind, written, value):
    assert elements(kind="map", type="inet_service", map=kind, elem=[[80, written]]) == {("80",): value}


def test_a_comment_at_a_maps_key_is_no_part_of_it():
    found = elements(
        kind="map", type="inet_service", map="mark", elem=[[{"elem": {"val": 80, "comment": "x"}}, 1]]
    )
    assert found == {("80",): "0x00000001"}


@pytest.mark.parametrize("flags", [["interval"], "interval"])
def test_a_set_of_intervals(flags):
    assert listing.parse(said(named(type="mark", flags=flags))).sets["one"].interval


@pytest.mark.parametrize(
    "more",
    [{"size": 128}, {"flags": ["timeout"], "timeout": 60}, {"flags": ["dynamic"]}, {"flags": "dynamic"}],
)
def test_what_the_kernel_fills_is_no_set_of_the_rules(more):
    before = listing.parse(said(named(type="mark", **more)))
    after = listing.parse(said(named(type="mark", elem=[5], count=1, **more)))  # nft 1.1.7 counts them
    assert before.sets == {}
    assert before.fingerprint == after.fingerprint != listing.parse(said()).fingerprint
    assert listing.keys(said(named(type="mark", elem=[5], **more))) == {("0x00000005",)}


BEFORE = (
    named("map", type="mark", map="mark", elem=[[1, 2]]),
    named("counter", name="c", packets=1, bytes=2),
    rule(expr=[{"counter": None}, {"accept": None}]),
)


@pytest.mark.parametrize(
    "after",
    [
        (named("map", type="mark", map="mark"), *BEFORE[1:]),
        (BEFORE[0], named("counter", name="c", packets=7, bytes=8), BEFORE[2]),
        (*BEFORE[:2], rule(handle=77, expr=[{"counter": None}, {"accept": None}])),
    ],
    ids=["elements", "counts", "handles"],
)
def test_what_passes_is_no_part_of_the_fingerprint(after):
    assert listing.parse(said(*BEFORE)).fingerprint == listing.parse(said(*after)).fingerprint


@pytest.mark.parametrize(
    "after",
    [
        (named("map", type="mark", map="inet_service", elem=[[1, 2]]), *BEFORE[1:]),
        BEFORE[1:],
        (*BEFORE[:2], rule(expr=[{"drop": None}])),
        (*BEFORE, rule(expr=[{"drop": None}])),
        (*BEFORE, {"chain": {"family": "inet", "table": "clusterlb", "name": "b", "handle": 9}}),
    ],
    ids=["type", "set", "rule", "another-rule", "chain"],
)
def test_what_lasts_is_part_of_the_fingerprint(after):
    assert listing.parse(said(*BEFORE)).fingerprint != listing.parse(said(*after)).fingerprint


def sealed(*comments):
    fingerprint = listing.parse(said(*BEFORE)).fingerprint
    rules = [
        rule(LOADED, expr=[{"continue": None}], **({"comment": each % fingerprint} if each else {}))
        for each in comments
    ]
    return listing.parse(said(*BEFORE, *rules)).rules().digest


def test_a_seal_that_fits_tells_what_was_loaded():
    assert sealed(f"{DIGEST} %s") == DIGEST


@pytest.mark.parametrize(
    "comments", [(), (f"{DIGEST} 0%s",), (f"{DIGEST} %s", ""), (f"{DIGEST} %s", f"{DIGEST} %s")]
)
def test_without_a_seal_that_fits_the_table_is_altered(comments):
    assert sealed(*comments) == ALTERED
