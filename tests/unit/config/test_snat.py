"""SNAT pools in the inventory: what is read, what is refused and what is warned of."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity, load

BASE = """\
cluster:
  name: edge-1
  vip_prefixes: [10.100.0.0/16, "fd00:100::/32"]
  ospf: {announce: intra-area, default_originate: true}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0], inside: [10.2.0.1, "fd00:2::1"]}
  d2: {router_id: 10.1.0.2, uplinks: [e0], inside: [10.2.0.2, "fd00:2::2"]}
snat_pools:
  office: {sources: [10.2.0.0/24], destinations: [10.9.0.0/16], fwmark: 0x10,
           addresses: {d1: [10.100.2.1], d2: [10.100.2.2]}}
  internet:
    sources: [10.2.0.0/24, "fd00:2::/64"]
    addresses: {d1: [10.100.2.3, "fd00:100:2::1"], d2: [10.100.2.4, "fd00:100:2::2"]}
"""
THIRD = "  internet:"
ANY = 'addresses: {d1: [10.100.2.9, "fd00:100:2::9"], d2: [10.100.2.8, "fd00:100:2::8"]}'

ERRORS = {
    "no such director": ("d2: [10.100.2.2]", "d2: [10.100.2.2], ¦d3: [10.100.2.5]", "director `d3` does not"),
    "outside": ("[10.100.2.1]", "[¦10.101.2.1]", "SNAT address 10.101.2.1 is outside `vip_prefixes`"),
    "address of two directors": (
        "[10.100.2.2]",
        "[¦10.100.2.1]",
        "SNAT address 10.100.2.1 is also a SNAT address of director `d1` in SNAT pool `office`",
    ),
    "address of two pools": (
        "[10.100.2.3,",
        "[¦10.100.2.1,",
        "SNAT address 10.100.2.1 is also a SNAT address of director `d1` in SNAT pool `office`",
    ),
    "stub area": (
        "announce: intra-area, default_originate: true",
        "area: 1, area_type: stub, default_originate: ¦true",
        "`default_originate` in a stub area",
    ),
    "address twice": ("[10.100.2.1]", "[10.100.2.1, ¦10.100.2.1]", "duplicate SNAT address 10.100.2.1"),
    "address that is local": (
        (
            "snat_pools:\n  office: {sources: [10.2.0.0/24], destinations: [10.9.0.0/16], fwmark: 0x10,\n"
            "           addresses: {d1: [10.100.2.1"
        ),
        (
            "  d3: {router_id: 10.1.0.3, uplinks: [e0], inside: [10.2.0.3, 'fd00:2::3'], "
            "local_addresses: [10.100.2.7]}\n"
            "snat_pools:\n  office: {sources: [10.2.0.0/24], destinations: [10.9.0.0/16], fwmark: 0x10,\n"
            "           addresses: {d1: [¦10.100.2.7"
        ),
        "SNAT address 10.100.2.7 is also a local address of director `d3`",
    ),
    "router id": (
        "[10.100.2.1]",
        "[¦10.1.0.1]",
        "SNAT address 10.1.0.1 is also the router id of director `d1`",
    ),
    "addresses of another family": (
        "sources: [10.2.0.0/24], destinations: [10.9.0.0/16]",
        'sources: ["fd00:2::/64", 10.2.0.0/24], destinations: ["fd00:9::/64", 10.9.0.0/16]',
        "SNAT pool `office` has IPv6 sources, but no IPv6 address",
    ),
    "sources of another family": (
        (
            "sources: [10.2.0.0/24], destinations: [10.9.0.0/16], fwmark: 0x10,\n"
            "           addresses: {d1: [10.100.2.1]"
        ),
        (
            "¦sources: [10.2.0.0/24], destinations: [10.9.0.0/16], fwmark: 0x10,\n"
            "           addresses: {d1: [10.100.2.1, 'fd00:100:2::5']"
        ),
        "SNAT pool `office` has IPv6 addresses, but no IPv6 source",
    ),
    "destinations of another family": (
        "destinations: [10.9.0.0/16]",
        '¦destinations: [10.9.0.0/16, "fd00:9::/64"]',
        "no IPv6 packet matches SNAT pool `office`: it has no IPv6 source",
    ),
    "no destinations of a family": (
        '"fd00:2::/64"]\n',
        '"fd00:2::/64"]\n    ¦destinations: [10.9.0.0/16]\n',
        "no IPv6 packet matches SNAT pool `internet`: it has no IPv6 destination",
    ),
    "the same again": (
        THIRD,
        (
            "  ¦more: {sources: [10.2.0.0/24], destinations: [10.9.0.0/16], fwmark: 0x10, "
            "addresses: {d1: [10.100.2.5], d2: [10.100.2.6]}}\n  internet:"
        ),
        "SNAT pool `more` never matches: `office` takes all of its packets",
    ),
    "narrower and later": (
        "    sources: [10.2.0.0/24,",
        f"    sources: [10.2.0.0/16, 'fd00:2::/48']\n    {ANY}\n  ¦late:\n    sources: [10.2.0.0/24,",
        "SNAT pool `late` never matches: `internet` takes all of its packets",
    ),
    "no link between directors": (
        'inside: [10.2.0.2, "fd00:2::2"]',
        "¦inside: [10.2.0.2]",
        "director `d2` needs an IPv6 address `inside` for SNAT pool `internet`",
    ),
    "every source": (
        "[10.2.0.0/24], dest",
        "[¦0.0.0.0/0], dest",
        "item 1 of `sources` would allow every address",
    ),
    "no sources": ("sources: [10.2.0.0/24], dest", "sources: ¦[], dest", "`sources` is empty"),
    "no address": ("{d1: [10.100.2.1], d2: [10.100.2.2]}", "¦{}", "`addresses` is empty"),
    "no address of one": ("d1: [10.100.2.1]", "d1: ¦[]", "`d1` is empty"),
    "addresses left out": (
        "fwmark: 0x10,\n           addresses: {d1: [10.100.2.1], d2: [10.100.2.2]}}",
        "fwmark: 0x10}",
        "`addresses` is missing in `office`",
    ),
    "mark of ours": ("0x10", "¦0x45000001", "`fwmark` is a firewall mark that clusterlb gives itself"),
    "name": ("  office:", "  ¦of fice:", "SNAT pool name `of fice` is not a good name"),
    "twice": (THIRD, "  ¦office: {}\n  internet:", "duplicate key `office`"),
}
PLACES = {"addresses of another family": (10, 12), "addresses left out": (9, 3)}


def test_the_base_is_clean(tmp_path: Path) -> None:
    assert [(p.line, p.text) for p in problems_of(BASE, tmp_path)] == []


def test_everything_written_arrives(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(BASE)
    inventory, _ = load(path)
    office, internet = inventory.snat_pools.values()
    assert (office.name, office.fwmark) == ("office", 16)
    assert office.destinations == (ip_network("10.9.0.0/16"),)
    assert internet.sources == (ip_network("10.2.0.0/24"), ip_network("fd00:2::/64"))
    assert internet.addresses == {
        "d1": (ip_address("10.100.2.3"), ip_address("fd00:100:2::1")),
        "d2": (ip_address("10.100.2.4"), ip_address("fd00:100:2::2")),
    }
    assert (internet.destinations, internet.fwmark) == ((), 0)
    assert inventory.cluster.ospf.default_originate


@pytest.mark.parametrize("name", ERRORS)
def test_one_error_and_its_place(name: str, tmp_path: Path) -> None:
    content, line, column = marked(BASE, *ERRORS[name][:2])
    if name in PLACES:
        line, column = PLACES[name]
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.ERROR, line, column, ERRORS[name][2])
    errors = [problem.text for problem in problems if problem.severity is Severity.ERROR]
    assert len([text for text in errors if name == "outside" or "outside" not in text]) == 1


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "addresses: {d1: [10.100.2.1], d2: [10.100.2.2]}",
            "¦addresses: {d1: [10.100.2.1]}",
            "director `d2` has no IPv4 address in SNAT pool `office`",
        ),
        (
            BASE[BASE.index("default_originate: ") :],
            "default_originate: ¦true}\n" + BASE[BASE.index("directors:") : BASE.index("snat_pools")],
            "`default_originate` without `snat_pools`",
        ),
    ],
)
def test_a_warning_that_leaves_the_inventory_good(old: str, new: str, text: str, tmp_path: Path) -> None:
    content, line, column = marked(BASE, old, new)
    problems = problems_of(content, tmp_path)
    assert len(problems) == 1
    expect(problems, Severity.WARNING, line, column, text)


@pytest.mark.parametrize(
    "pool",
    [
        f"sources: ['10.2.0.0/25', 'fd00:2::/64'], {ANY}",  # some packets of the first are of the second
        f"sources: ['10.2.0.0/25', 'fd00:2::/64'], destinations: [10.0.0.0/8, 'fd00::/16'], {ANY}",
    ],
)
def test_the_first_pool_that_matches_counts(pool: str, tmp_path: Path) -> None:
    first = BASE.replace(THIRD, f"  more: {{{pool}}}\n{THIRD}")
    assert not any("never matches" in problem.text for problem in problems_of(first, tmp_path))


def test_one_director_hands_nothing_over(tmp_path: Path) -> None:
    lines = [line for line in BASE.splitlines() if not line.startswith("  d2:")]
    text = "\n".join(lines).replace(', inside: [10.2.0.1, "fd00:2::1"]', "")
    text = text.replace(", d2: [10.100.2.2]", "").replace(', d2: [10.100.2.4, "fd00:100:2::2"]', "")
    assert problems_of(text, tmp_path) == ()
