"""Every number and name that the program keeps for itself, against every key that could hold one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from problem_marks import problems_of

from clusterlb.config.load import load
from clusterlb.core import marks
from clusterlb.core.rules.reverse import reverse
from clusterlb.core.snat import marks as snat_marks
from clusterlb.drivers import peers
from clusterlb.drivers.lanes import lane_peer
from clusterlb.model.ospf import Lane

PACKAGE = Path(marks.__file__).parents[1]
TEXT = (Path(__file__).parent / "inventory.yaml").read_text()
SERVICE = "{protocol: tcp, port: 80, pool: web}"
FIRSTS = [marks.FIRST, marks.FIRST_OF_SERVICES, marks.FIRST_OF_DIRECTORS, marks.FIRST_OF_REPLIES]
MARKS = [*FIRSTS, *(first + marks.SPAN - 1 for first in FIRSTS), snat_marks.ASK, 0x46123456]
# a routing table of ours has its mark's number; a rule of ours has its mark and its mask
INTERFACES = [
    *(lane.interface for lane in Lane),
    *map(lane_peer, Lane),
    "clb-anything",
    "vrrp4-1-7",
    "vrrp6-2-255",
    "lo",
    "all",
    "default",
]


@pytest.mark.parametrize("mark", MARKS, ids=hex)
def test_no_service_has_a_mark_of_ours(mark: int, tmp_path: Path):
    (problem,) = problems_of(TEXT.replace("port: 80, pool", f"fwmark: {mark:#x}, pool"), tmp_path)
    assert problem.text == f"`fwmark` is a firewall mark that clusterlb gives itself: `{mark}`"
    assert "0x43000000-0x46ffffff" in problem.hint


@pytest.mark.parametrize("mark", MARKS, ids=hex)
def test_no_snat_pool_and_no_condition_asks_for_one(mark: int, tmp_path: Path):
    addresses = "addresses: {d1: [10.100.0.9]}"
    pool = f"snat_pools:\n  out: {{sources: [10.2.0.0/24], fwmark: {mark:#x}, {addresses}}}\n"
    assert any("`fwmark` is a firewall mark" in one.text for one in problems_of(TEXT + pool, tmp_path))
    listed = TEXT.replace("{services:", f"{{announce_when: [fwmark/{mark}], services:")
    assert any("is a firewall mark" in one.text for one in problems_of(listed, tmp_path))


@pytest.mark.parametrize("mark", [0x42FFFFFF, 0x47000000, 7, 0xFFFFFFFF], ids=hex)
def test_others_are_the_operators(mark: int, tmp_path: Path):
    assert problems_of(TEXT.replace("port: 80, pool", f"fwmark: {mark:#x}, pool"), tmp_path) == ()


@pytest.mark.parametrize("name", INTERFACES)
def test_no_uplink_and_no_vrrp_link_is_an_interface_of_ours(name: str, tmp_path: Path):
    at = [
        TEXT.replace("uplinks: [e0]", f"uplinks: [{name}]", 1),
        TEXT.replace("uplinks: [e0]", f"uplinks: [{{name: {name}}}]", 1),
        TEXT.replace(
            "{services:", f"{{ha: {{mode: vrrp, order: [d1, d2], vrid: 1, interfaces: [{name}]}}, services:"
        ),
    ]
    for text in at:
        assert any("interface that" in problem.text for problem in problems_of(text, tmp_path)), text


def test_what_is_given_comes_from_what_is_reserved(tmp_path: Path):
    path = tmp_path / "inventory.yaml"
    path.write_text(
        TEXT.replace("{type: tcp}", "{type: tcp, via: vip}")
        .replace("port: 80, pool: web", "ports: [80, 443], pool: web, forwarding: nat")
        .replace("uplinks: [e0]", "uplinks: [e0], inside: [10.2.0.1]", 1)
        .replace("uplinks: [e0]}", "uplinks: [e0], inside: [10.2.0.2]}", 1)
    )
    inventory, _ = load(path)
    given = [way.through.mark for way in marks.ways(inventory)]
    given += marks.service_marks(inventory.vips.values()).values()
    given += snat_marks.marks([f"d{number}" for number in range(64)]).values()
    replies = {name: each for name, each in reverse(inventory).sets.items() if name.startswith("reply_vip")}
    given += [int(str(key[0]), 16) for each in replies.values() for key in each.elements]
    assert len(given) >= 1 + 1 + 64 + 1
    assert all(mark in marks.RESERVED for mark in given)
    assert snat_marks.FIRST & snat_marks.MASK == snat_marks.FIRST == marks.FIRST_OF_DIRECTORS
    assert peers.PREFERENCE == marks.FIRST_OF_DIRECTORS >> 16


def test_no_other_file_has_a_range_of_marks_of_its_own():
    """A mark is a kind's number and 24 bits; whoever adds a kind adds it to what is refused."""
    found = {
        int(number, 16)
        for folder in ("core", "drivers", "config", "controller")
        for file in (PACKAGE / folder).rglob("*.py")
        for number in re.findall(r"0x4[0-9A-Fa-f]0{6}\b", file.read_text())
    }
    assert found == set(FIRSTS)
    assert all(first in marks.RESERVED for first in FIRSTS)
