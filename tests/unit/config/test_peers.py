"""The settings of the peer channel: what arrives, and where each mistake is (at the sign ¦)."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity, load
from clusterlb.model.inventory import PeerChannel

BASE = """\
cluster:
  name: c
  vip_prefixes: [10.100.0.0/24]
  peers: {port: 7481, key: "/etc/keys/{director}"}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0], inside: [10.2.0.1]}
  d2: {router_id: 10.1.0.2, uplinks: [e0], peer_address: 10.3.0.2}
pools: {web: {members: [{address: 10.2.0.101, port: 80}], check: {}}}
vips:
  10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}
"""

ERRORS = {
    "port": ("port: 7481", "port: ¦0", "`port` must be at least 1, but is 0"),
    "path": ('"/etc/keys/{director}"', '¦"keys/{director}"', "`key` is not an absolute path"),
    "key": ("port: 7481", "¦prot: 7481", "unknown key `prot`"),
    "no address": (
        "  d2: {router_id: 10.1.0.2, uplinks: [e0], peer_address: 10.3.0.2}",
        "  ¦d2: {router_id: 10.1.0.2, uplinks: [e0]}",
        "director `d2` has no address for the other directors' controllers",
    ),
    "bad address": ("10.3.0.2", "¦127.0.0.1", "`peer_address` needs an address that can be routed"),
    "the same address": (
        "10.3.0.2",
        "¦10.2.0.1",
        "duplicate `peer_address` 10.2.0.1: director `d1` has it, too",
    ),
}


def test_everything_arrives(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text(BASE)
    inventory, problems = load(file)
    assert problems == ()
    assert inventory.cluster.peers == PeerChannel(
        7481,
        "/etc/clusterlb/peers/authority.pem",
        "/etc/clusterlb/peers/{director}.pem",
        "/etc/keys/{director}",
    )
    found = [director.speaks_at for director in inventory.directors.values()]
    assert found == [IPv4Address("10.2.0.1"), IPv4Address("10.3.0.2")]


def test_without_the_section_nobody_speaks_and_nobody_needs_an_address(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    lines = (line for line in BASE.splitlines() if "peers:" not in line)
    file.write_text("\n".join(lines).replace(", peer_address: 10.3.0.2", ""))
    inventory, problems = load(file)
    assert problems == ()
    assert inventory.cluster.peers is None
    assert inventory.directors["d2"].speaks_at is None


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, tmp_path: Path) -> None:
    old, new, expected = ERRORS[name]
    text, line, column = marked(BASE, old, new)
    expect(problems_of(text, tmp_path), Severity.ERROR, line, column, expected)
