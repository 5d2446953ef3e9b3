"""Transcripts of ``clusterlb generate realserver``."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from clusterlb.cli.exits import Exit
from clusterlb.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "inventory" / "examples"


def run(example: str, *arguments: str):
    path = EXAMPLES / f"{example}.yaml"
    return CliRunner().invoke(main, ["generate", "realserver", "--inventory", str(path), *arguments])


@pytest.mark.parametrize("example", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_one_script_for_every_server_of_an_example(example: str) -> None:
    done = run(example)
    assert (done.exit_code, done.stderr) == (Exit.OK, "")
    assert done.stdout.startswith("#!/bin/sh\n")


def test_one_member_a_pool_and_all() -> None:
    one, with_port = run("two-arm", "10.2.0.101"), run("two-arm", "10.2.0.101:80")
    assert one.stdout == with_port.stdout
    assert "members='10.2.0.101'\n" in one.stdout
    assert "members='10.2.0.103 10.2.0.104'\n" in run("two-arm", "--pool", "legacy").stdout
    assert "members='10.2.0.101 10.2.0.102 10.2.0.103 10.2.0.104'\n" in run("two-arm").stdout


def test_full_nat_needs_nothing_and_says_so() -> None:
    done = run("fullnat")
    assert done.exit_code == Exit.OK
    assert "# nothing: no service uses this member, or only by full NAT" in done.stdout
    assert "    want " not in done.stdout


def test_a_placeholder_is_pointed_at() -> None:
    done = run("nat", "10.2.0.101", "--format", "ifupdown")
    assert done.stderr == "fill in INTERFACE, or give --interface\n"
    assert "iface INTERFACE inet manual" in done.stdout
    named = run("nat", "10.2.0.101", "--format", "ifupdown", "--interface", "bond0")
    assert (named.stderr, "iface bond0 inet manual" in named.stdout) == ("", True)


def test_what_cannot_be_is_said() -> None:
    unknown = run("dr", "10.2.0.9")
    assert (unknown.exit_code, unknown.stdout) == (Exit.FAILED, "")
    assert unknown.stderr.startswith("Error: 10.2.0.9 is no member of a pool; there are: 10.2.0.101, ")
    assert "there is no pool 'shop'" in run("dr", "--pool", "shop").stderr
    assert run("dr", "10.2.0.101", "--pool", "web").exit_code == 2


def test_an_inventory_that_is_no_good(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("cluster: 7\n")
    done = CliRunner().invoke(main, ["generate", "realserver", "--inventory", str(path)])
    assert (done.exit_code, done.stdout) == (Exit.INVALID, "")
