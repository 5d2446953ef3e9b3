"""The settings of drains and scale-out: what arrives, and where each mistake is (at the sign ¦)."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity, load
from clusterlb.model.inventory import ActiveStandby

BASE = """\
cluster:
  name: c
  vip_prefixes: [10.100.0.0/24]
  ospf: {announce: intra-area}
  min_announcers: 0
  max_drained: 1
  preempt: true
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0]}
  d2: {router_id: 10.1.0.2, uplinks: [e0]}
pools: {web: {members: [{address: 10.2.0.1, port: 80}], check: {}}}
vips:
  10.100.0.1:
    ha: {mode: active-standby, order: [d2, d1], preempt: false}
    services: [{protocol: tcp, port: 80, pool: web}]
  10.100.0.2:
    ha: {order: [d1, d2]}
    services: [{protocol: tcp, port: 80, pool: web}]
  10.100.0.3: {services: [{protocol: tcp, port: 80, pool: web}]}
"""
ORDER = "[d2, d1]"

ERRORS = {
    "announcers": ("min_announcers: 0", "min_announcers: ¦-1", "`min_announcers` must be at least 0"),
    "too many announcers": ("min_announcers: 0", "min_announcers: ¦257", "`min_announcers` must be at most"),
    "none drained": ("max_drained: 1", "max_drained: ¦0", "`max_drained` must be at least 1, but is 0"),
    "all drained": ("max_drained: 1", "max_drained: ¦all", "`max_drained` needs a whole number, but is the"),
    "preempt": ("preempt: true", "preempt: ¦yes", "`preempt` needs true or false, but is the text `yes`"),
    "mode": ("mode: active-standby", "mode: ¦standby", "`mode` may not be the text `standby`"),
    "empty order": (ORDER, "¦[]", "`order` is empty"),
    "a name alone": (ORDER, "¦d1", "`order` needs a list, but is the text `d1`"),
    "twice": (ORDER, "[d2, d1, ¦d2]", "duplicate director `d2`"),
    "unknown": (ORDER, "[d1, ¦d3]", "director `d3` does not exist"),
    "key": ("preempt: false", "¦premt: false", "unknown key `premt`"),
}

WARNINGS = {
    "announcers": (
        "min_announcers: 0",
        "min_announcers: ¦2",
        "`min_announcers` is 2, but there are 2 directors: no drain takes a VIP away",
    ),
    "drained": (
        "max_drained: 1",
        "max_drained: ¦2",
        "`max_drained` is 2, but there are 2 directors: all may",
    ),
    "one director": (ORDER, "¦[d1]", "VIP 10.100.0.1 has one director in its `order`: nobody stands by"),
}


def test_what_arrives(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(BASE)
    inventory, problems = load(path)
    assert problems == ()
    cluster = inventory.cluster
    assert (cluster.min_announcers, cluster.max_drained, cluster.preempt) == (0, 1, True)
    assert [inventory.vips[IPv4Address(f"10.100.0.{n}")].ha for n in (1, 2, 3)] == [
        ActiveStandby(("d2", "d1"), preempt=False),
        ActiveStandby(("d1", "d2"), preempt=True),
        None,
    ]


def test_null_is_off(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    text = BASE.replace("max_drained: 1", "max_drained: null")
    path.write_text(text.replace("ha: {order: [d1, d2]}", "ha: null"))
    inventory, problems = load(path)
    assert problems == ()
    assert inventory.cluster.max_drained is None
    assert inventory.vips[IPv4Address("10.100.0.2")].ha is None


def test_one_director_needs_no_warning_of_a_default(tmp_path: Path) -> None:
    alone = "\n".join(line for line in BASE.splitlines() if "d2:" not in line and "ha:" not in line)
    assert problems_of(alone.replace("  min_announcers: 0\n  max_drained: 1\n", ""), tmp_path) == ()
    (problem,) = problems_of(alone.replace("  max_drained: 1\n", "").replace("s: 0", "s: 1"), tmp_path)
    assert problem.text.startswith("`min_announcers` is 1, but there is 1 director: no drain")
    assert problem.hint == "so many others would have to announce it: write at most 0, or add directors"


def test_a_director_that_is_no_good_is_there_all_the_same(tmp_path: Path) -> None:
    (problem,) = problems_of(BASE.replace("10.1.0.2, uplinks: [e0]", "10.1.0.2, uplinks: []"), tmp_path)
    assert problem.text == "`uplinks` is empty"


@pytest.mark.parametrize("name", ERRORS)
def test_an_error(name: str, tmp_path: Path) -> None:
    old, new, expected = ERRORS[name]
    text, line, column = marked(BASE, old, new)
    problems = problems_of(text, tmp_path)
    expect(problems, Severity.ERROR, line, column, expected)
    assert len(problems) == 1


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning(name: str, tmp_path: Path) -> None:
    old, new, expected = WARNINGS[name]
    text, line, column = marked(BASE, old, new)
    problems = problems_of(text, tmp_path)
    expect(problems, Severity.WARNING, line, column, expected)
    assert len(problems) == 1
