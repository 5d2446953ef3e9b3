"""OSPF's set-ups in the inventory: what is read, what is refused and what is warned of."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity, load
from clusterlb.model.address import AddressFamily
from clusterlb.model.ospf import AnnounceMode, AnnounceModes, AreaType, NetworkType, Uplink

BASE = """\
cluster:
  name: edge-1
  vip_prefixes: [10.100.0.0/24, 2001:db8::/64]
  ospf: {area: 0.0.0.1, announce: external}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0, e1]}}
pools:
  web: {members: [{address: 10.2.0.101, port: 80}], check: {}}
  web6: {members: [{address: "2001:db8:1::1", port: 80}], check: {}}
vips:
  10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}
  "2001:db8::1": {services: [{protocol: tcp, port: 80, pool: web6}]}
"""
D1 = "}\ndirectors: {d1: {router_id: 10.1.0.1, uplinks: "
INTRA, EXTERNAL = AnnounceMode.INTRA_AREA, AnnounceMode.EXTERNAL

ERRORS = {
    "a stub area carries no external routes": (
        "announce: external",
        "area_type: stub, announce: ¦external",
        "external VIPs in a stub area",
    ),
    "the same, of one family": (
        "announce: external",
        "area_type: stub, announce: ¦{ipv6: external}",
        "external VIPs in a stub area",
    ),
    "the backbone is no NSSA": (
        "area: 0.0.0.1",
        "area: 0, area_type: ¦nssa",
        "the backbone, area 0.0.0.0, cannot be of type nssa",
    ),
    "not even by one uplink": (
        f"announce: external{D1}[e0, e1]",
        f"area_type: ¦nssa, announce: external{D1}[{{name: e0, area: 0}}]",
        "the backbone, area 0.0.0.0, cannot be of type nssa",
    ),
    "one kind of authentication": (
        "announce: external",
        "announce: external, md5_key: s3cret, ¦key_chain: K",
        "`key_chain` and `md5_key`",
    ),
    "lanes where no uplink is": (
        f"announce: external{D1}[e0, e1]",
        f"announce: {{ipv6: external}}{D1}¦[{{name: e0, area: 2}}]",
        "no uplink of `d1` is in area 0.0.0.1",
    ),
    "an area that is none": ("[e0, e1]", "[e0, {name: e1, area: ¦x}]", "`area` needs an OSPF area"),
    "a network type that is none": (
        "[e0, e1]",
        "[{name: e0, network: ¦nbma}]",
        "`network` may not be the text `nbma`",
    ),
    "an uplink without a name": ("[e0, e1]", "[¦{cost: 2}]", "`name` is missing"),
    "a cost of 0": ("[e0, e1]", "[{name: e0, cost: ¦0}]", "`cost` must be at least 1, but is 0"),
    "an uplink twice, in two forms": ("[e0, e1]", "[e0, ¦{name: e0}]", "duplicate uplink `e0`"),
    "a mode that is none": (
        "announce: external",
        "announce: {ipv4: ¦both}",
        "`ipv4` may not be the text `both`",
    ),
    "a family that is none": ("announce: external", "announce: {¦ipv5: external}", "unknown key `ipv5`"),
    "a restart for too long": (
        "announce: external",
        "announce: external, graceful_restart: ¦1801s",
        "`graceful_restart` needs whole seconds from 1s to 1800s",
    ),
}
WARNINGS = {
    "frr#13579: FRR 8.4 as the switch keeps a stale next hop of an intra-area /128": (
        "announce: external",
        "announce: ¦intra-area",
        "IPv6 wants `announce: {ipv6: external}` where the switch is FRR 8.4",
    ),
    "a director that joins an area to the backbone": (
        "[e0, e1]",
        "[e0, ¦{name: e1, area: 0}]",
        "area 0.0.0.0 here and area 0.0.0.1 elsewhere make `d1` an area border router",
    ),
    "an area that does not see the lanes": (
        f"announce: external{D1}[e0, e1]",
        f"announce: {{ipv6: external}}{D1}[e0, ¦{{name: e1, area: 2}}]",
        "VIPs that are announced in area 0.0.0.1 are not seen in all areas of `d1`",
    ),
}
CLEAN = {
    "an NSSA": ("announce: external", "area_type: nssa, announce: external"),
    "a stub area with lanes, IPv6 aside": (
        "announce: external}",
        "area_type: stub, announce: {ipv4: intra-area}}",
    ),
    "two areas that each see external VIPs": ("[e0, e1]", "[e0, {name: e1, area: 2}]"),
    "a graceful restart beside BFD": ("announce: external", "announce: external, graceful_restart: 2m"),
    "a key chain": ("announce: external", "announce: external, key_chain: OSPF"),
}


@pytest.mark.parametrize(("old", "new", "text"), ERRORS.values(), ids=ERRORS)
def test_an_error(old: str, new: str, text: str, tmp_path: Path) -> None:
    content, line, column = marked(BASE, old, new)
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.ERROR, line, column, text)
    assert len([problem for problem in problems if problem.severity is Severity.ERROR]) == 1


@pytest.mark.parametrize(("old", "new", "text"), WARNINGS.values(), ids=WARNINGS)
def test_a_warning(old: str, new: str, text: str, tmp_path: Path) -> None:
    content, line, column = marked(BASE, old, new)
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.WARNING, line, column, text)
    assert len(problems) == 1


@pytest.mark.parametrize(("old", "new"), CLEAN.values(), ids=CLEAN)
def test_no_problem(old: str, new: str, tmp_path: Path) -> None:
    text = BASE.replace(old, new)
    assert text != BASE
    texts = [problem.text for problem in problems_of(text, tmp_path)]
    assert [text for text in texts if not text.startswith("IPv6 wants")] == []


@pytest.mark.parametrize(
    ("written", "modes"),
    [
        ("intra-area", AnnounceModes(INTRA, INTRA)),
        ("external", AnnounceModes(EXTERNAL, EXTERNAL)),
        ("{ipv6: external}", AnnounceModes(INTRA, EXTERNAL)),
        ("{ipv4: external, ipv6: intra-area}", AnnounceModes(EXTERNAL, INTRA)),
        ("{}", AnnounceModes(INTRA, INTRA)),
    ],
)
def test_the_modes(written: str, modes: AnnounceModes, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(BASE.replace("announce: external", f"announce: {written}"))
    ospf = load(path)[0].cluster.ospf
    assert ospf.announce == modes
    assert ospf.external == {family for family in AddressFamily if modes.of(family) is EXTERNAL}


def test_everything_written_arrives(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(
        BASE.replace(
            "announce: external",
            "announce: external, area_type: nssa, network: point-to-point, key_chain: K, "
            "graceful_restart: 2m",
        ).replace("[e0, e1]", "[e0, {name: e1, network: broadcast, area: 2, cost: 60000}]")
    )
    inventory, _ = load(path)
    ospf, director = inventory.cluster.ospf, inventory.directors["d1"]
    assert ospf.area_type is AreaType.NSSA
    assert (ospf.key_chain, ospf.graceful_restart) == ("K", 120.0)
    own = Uplink("e1", NetworkType.BROADCAST, IPv4Address("0.0.0.2"), 60000)
    assert director.uplinks == (Uplink("e0"), own)
    assert director.interfaces == ("e0", "e1")
    assert [ospf.area_of(uplink) for uplink in director.uplinks] == [
        IPv4Address("0.0.0.1"),
        IPv4Address("0.0.0.2"),
    ]
    assert [ospf.network_of(uplink) for uplink in director.uplinks] == [
        NetworkType.POINT_TO_POINT,
        NetworkType.BROADCAST,
    ]
