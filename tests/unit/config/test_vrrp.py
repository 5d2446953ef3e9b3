"""A VIP's `ha: {mode: vrrp}`: what arrives, and where each mistake is (at the sign ¦)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity, load
from clusterlb.config.models.vip import VrrpFile
from clusterlb.model.inventory import Vrrp

HA = "{mode: vrrp, order: [d1, d2], vrid: 10, interfaces: [e0, e1], interval: 50ms, preempt: false}"
REST = """\
cluster: {name: c, vip_prefixes: [10.100.0.0/24]}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0]}
  d2: {router_id: 10.1.0.2, uplinks: [e0]}
pools: {web: {members: [{address: 10.2.0.1, port: 80}], check: {}}}
"""
SERVICES = "    services: [{protocol: tcp, port: 80, pool: web}]\n"
BASE = f"""\
{REST}vips:
  10.100.0.1:
    ha: {HA}
{SERVICES}  10.100.0.2:
    ha: {{mode: vrrp, order: [d2, d1], vrid: 11, interfaces: [e0]}}
{SERVICES}  10.100.0.3:
    ha: {{mode: vrrp, order: [d2, d1], vrid: 10, interfaces: [e2]}}
{SERVICES}"""

ERRORS = {
    "mode": ("{mode: vrrp", "{mode: ¦vrrpd", "`mode` may not be the text `vrrpd`", "did you mean `vrrp`?"),
    "no mode": (
        "{mode: vrrp, order: [d1, d2], vrid",
        "{order: [d1, d2], ¦vrid",
        "unknown key `vrid`",
        "one of: mode, order, preempt",
    ),
    "vrid 0": ("vrid: 10", "vrid: ¦0", "`vrid` must be at least 1, but is 0", "Virtual router id"),
    "vrid 256": ("vrid: 10", "vrid: ¦256", "`vrid` must be at most 255, but is 256", "Virtual router id"),
    "no vrid": (
        "ha: {mode: vrrp, order: [d1, d2], vrid: 10,",
        "¦ha: {mode: vrrp, order: [d1, d2],",
        "`vrid` is missing",
        "Virtual router id",
    ),
    "vrid twice": (
        "11, interfaces",
        "¦10, interfaces",
        "duplicate `vrid` 10 on interface e0",
        "VIP 10.100.0.1 has it",
    ),
    "vrid on the second link": (
        "10, interfaces: [e2]",
        "¦10, interfaces: [e1]",
        "duplicate `vrid` 10 on interface e1",
        "VIP 10.100.0.1",
    ),
    "one link twice": ("[e0, e1]", "[e0, ¦e0]", "duplicate interface `e0`", "remove one of them"),
    "three links": ("[e0, e1]", "¦[e0, e1, e2]", "`interfaces` has more than 2 items", "The link"),
    "no link": ("[e0, e1]", "¦[]", "`interfaces` is empty", "The link"),
    "a link that is none": ("[e0, e1]", '[¦"e0; id"]', "item 1 of `interfaces` is not a good interface", ""),
    "too quick": ("50ms", "¦5ms", "`interval` needs a multiple of 10ms from 10ms to 40.95s", ""),
    "between": ("50ms", "¦55ms", "`interval` needs a multiple of 10ms from 10ms to 40.95s", ""),
    "too slow": ("50ms", "¦41s", "`interval` needs a multiple of 10ms from 10ms to 40.95s", ""),
    "no director": ("[d1, d2]", "[d1, ¦d3]", "director `d3` does not exist", "name one that is under"),
}


def test_what_arrives(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(BASE)
    inventory, problems = load(path)
    assert problems == ()
    assert [inventory.vips[IPv4Address(f"10.100.0.{n}")].ha for n in (1, 2)] == [
        Vrrp(("d1", "d2"), 10, ("e0", "e1"), 0.05, preempt=False),
        Vrrp(("d2", "d1"), 11, ("e0",), 0.2, preempt=True),
    ]


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes(name: str, tmp_path: Path) -> None:
    old, new, text, hint = ERRORS[name]
    content, line, column = marked(BASE, old, new)
    expect(problems_of(content, tmp_path), Severity.ERROR, line, column, text, hint)


def test_a_bad_mode_is_one_problem(tmp_path: Path) -> None:
    assert len(problems_of(BASE.replace("mode: vrrp", "mode: vrrpd", 1), tmp_path)) == 1


def test_every_key_is_in_the_manual_and_its_example_loads(tmp_path: Path) -> None:
    document = (Path(__file__).parents[3] / "docs" / "vrrp.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", document, re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(VrrpFile.model_fields)
    example, _alerts = re.findall(r"^```yaml\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    path = tmp_path / "a.yaml"
    path.write_text(REST + example)
    inventory, problems = load(path)
    assert problems == ()
    assert all(isinstance(vip.ha, Vrrp) for vip in inventory.vips.values())
