"""Transcripts of ``clusterlb generate vrrp``."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from clusterlb.cli.exits import Exit
from clusterlb.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "inventory" / "example.yaml"
SERVICES = "    announce_when: all"
HA = "    ha: {mode: vrrp, order: [d1], vrid: 10, interfaces: [e0]}\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.yaml"
    path.write_text(EXAMPLE.read_text().replace(SERVICES, HA + SERVICES, 1))
    return path


def run(*arguments: object):
    return CliRunner().invoke(main, ["generate", "vrrp", *map(str, arguments)])


def test_both_parts_are_printed_the_links_first(inventory: Path) -> None:
    both = run("--inventory", inventory, "--director", "d1")
    parts = [run("--inventory", inventory, "--director", "d1", "--part", part) for part in ("links", "frr")]
    assert {each.exit_code for each in (both, *parts)} == {Exit.OK}
    assert parts[0].stdout.startswith("#!/bin/sh\n")
    assert " vrrp 10 priority 200\n" in parts[1].stdout
    assert both.stdout == "\n".join(part.stdout for part in parts)


def test_nothing_to_generate_is_said(inventory: Path) -> None:
    none = run("--inventory", EXAMPLE, "--director", "d1")
    assert (none.exit_code, none.stdout) == (Exit.FAILED, "")
    assert none.stderr == "Error: no VIP has `ha: {mode: vrrp}` with d1 in its `order`\n"
    unknown = run("--inventory", inventory, "--director", "d9")
    assert (unknown.exit_code, "no director 'd9'" in unknown.stderr) == (Exit.FAILED, True)


def test_an_inventory_that_is_no_good(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("cluster: 7\n")
    assert run("--inventory", path, "--director", "d1").exit_code == Exit.INVALID
