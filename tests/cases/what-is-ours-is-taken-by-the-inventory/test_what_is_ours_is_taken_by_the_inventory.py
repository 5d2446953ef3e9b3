"""Every number and name that the program keeps for itself, against every key that could hold one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from anchored_flows import FLOWS
from problem_marks import problems_of

from clusterlb.config.load import load
from clusterlb.config.schema import schema
from clusterlb.core.anchors import bindings
from clusterlb.core.marks import director_marks, probe_services, service_marks
from clusterlb.core.nft.reverse import reverse
from clusterlb.drivers.lanes import lane_peer
from clusterlb.model import marks
from clusterlb.model.ospf import Lane

PACKAGE = Path(marks.__file__).parents[1]
TEXT = (Path(__file__).parent / "inventory.yaml").read_text()
KINDS = [marks.PROBE_MARKS, marks.SERVICE_MARKS, marks.DIRECTOR_MARKS, marks.REPLY_MARKS, marks.ANCHOR_MARKS]
MARKS = [kind[place] for kind in KINDS for place in (0, 1, 0x123456, -2, -1)]
OUTSIDE = [marks.RESERVED_MARKS[0] - 1, marks.RESERVED_MARKS[-1] + 1, 7, 0x00123456, 0xFFFFFFFF]
# how YAML's core schema writes an integer
NOTATIONS = ["{}", "+{}", "000{}", "{:#x}", "0x{:X}", "0x00{:x}", "{:#o}", '!!int "{}"']
SERVED = TEXT.replace("port: 80, pool", "fwmark: MARK, pool")
POOL = "{sources: [10.2.0.0/24], fwmark: MARK, addresses: {d1: [10.100.0.9], d2: [10.100.0.10]}}"
# each place of an inventory that takes a mark, with how it may be written there
PLACES = {
    "service": (SERVED, NOTATIONS),
    "announce_when": (SERVED.replace("{services:", "{announce_when: [fwmark/MARK], services:"), ["{}"]),
    "SNAT pool": (
        f"{TEXT}snat_pools: {{out: {POOL}}}\n".replace(
            "uplinks: [e0]}", "uplinks: [e0], inside: [10.2.0.1]}", 1
        ).replace("uplinks: [e0]}", "uplinks: [e0], inside: [10.2.0.2]}"),
        NOTATIONS,
    ),
}
WRITTEN = [(place, notation) for place, (_, notations) in PLACES.items() for notation in notations]
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
@pytest.mark.parametrize(("place", "notation"), WRITTEN)
def test_a_mark_of_ours_is_refused(place: str, notation: str, mark: int, tmp_path: Path):
    text = PLACES[place][0]
    found = problems_of(text.replace("MARK", notation.format(mark)), tmp_path)
    ours = [problem for problem in found if "a firewall mark that clusterlb gives itself" in problem.text]
    assert len(ours) == text.count("MARK")
    assert all("0x43000000-0x47ffffff" in problem.hint for problem in ours)


@pytest.mark.parametrize("mark", OUTSIDE, ids=hex)
@pytest.mark.parametrize(("place", "notation"), WRITTEN)
def test_others_are_the_operators(place: str, notation: str, mark: int, tmp_path: Path):
    assert problems_of(PLACES[place][0].replace("MARK", notation.format(mark)), tmp_path) == ()


def test_no_text_passes_for_a_mark(tmp_path: Path):
    """What is no number is refused as such, so that no notation leads past the check."""
    for mark in ("1_174_405_121", "0X46000001", "1174405121.0", "1.174405121e9", '"1174405121"', "7/0xff"):
        for place in ("service", "SNAT pool"):
            found = problems_of(PLACES[place][0].replace("MARK", mark), tmp_path)
            assert any("`fwmark` needs a firewall mark" in problem.text for problem in found), mark
    for name in ("0x46000001", "01174405121", "+1174405121", "7/0xff000000", "7-9"):
        listed = TEXT.replace("{services:", f"{{announce_when: [fwmark/{name}], services:")
        found = problems_of(listed, tmp_path)
        assert any("needs a service's protocol and port" in problem.text for problem in found), name


def test_no_other_key_could_name_a_number_of_the_plan():
    """Tables, preferences and routes' protocols have no key; a new key of that kind needs its check."""
    words = re.compile("mark|table|rule|preference|priority|proto|metric|tag")
    named = {name for name, _ in keys_of(schema()) if words.search(name)}
    assert named == {"fwmark", "protocol"}
    protocols = [value for name, value in keys_of(schema()) if name == "protocol"]
    assert all("integer" not in str(value) for value in protocols)


def keys_of(node: object) -> Iterator[tuple[str, object]]:
    if isinstance(node, list):
        for value in node:
            yield from keys_of(value)
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for value in node.values():
            yield from keys_of(value)


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
    given = {
        marks.PROBE_MARKS: [each.through.mark for each in probe_services(inventory)],
        marks.SERVICE_MARKS: list(service_marks(inventory.vips.values()).values()),
        marks.DIRECTOR_MARKS: list(director_marks([f"d{number}" for number in range(64)]).values()),
        marks.REPLY_MARKS: [
            int(str(key[0]), 16)
            for name, each in reverse(inventory).sets.items()
            if name.startswith("reply_vip")
            for key in each.elements
        ],
        marks.ANCHOR_MARKS: [key.fwmark for key in bindings({}, FLOWS)],
    }
    assert list(given) == KINDS
    assert all(found and all(mark in kind for mark in found) for kind, found in given.items())


def test_the_mask_tells_kinds_apart_and_the_range_has_them_all():
    for kind in KINDS:
        assert {mark & marks.KIND_MASK for mark in (kind[0], kind[0x123456], kind[-1])} == {kind[0]}
        assert len(kind) == ~marks.KIND_MASK % (1 << 32) + 1
    assert [mark for mark in marks.RESERVED_MARKS if mark & ~marks.KIND_MASK == 0] == [
        kind[0] for kind in KINDS
    ]


def test_no_other_file_has_a_number_of_the_plan():
    """Who adds a mark, a table, a preference or a protocol adds it to the plan, and so to what is refused."""
    numbers = re.compile(r"0x4[0-9a-f]{7}\b|0xff000000\b|\b(?:201|210|421[1-3]|1766[45])\b", re.IGNORECASE)
    rooms = ("core", "drivers", "config", "controller", "checks", "generate")
    files = [file for room in rooms for file in (PACKAGE / room).rglob("*.py")]
    found = {
        (file.name, line.strip())
        for file in files
        for line in file.read_text().splitlines()
        if numbers.search(line)
    }
    assert {(name, line.partition("  #")[0]) for name, line in found} == {("buckets.py", "SEED = 0x45C1A55E")}
