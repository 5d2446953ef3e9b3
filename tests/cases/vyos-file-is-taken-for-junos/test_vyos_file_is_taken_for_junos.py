from pathlib import Path

import pytest
from click.testing import CliRunner

from clusterlb.cli.exits import Exit
from clusterlb.cli.main import main

HERE = Path(__file__).parent
EXAMPLE = Path(__file__).parents[3] / "inventory" / "example.yaml"


def audit(name):
    return CliRunner().invoke(main, ["audit", "switch", "--inventory", str(EXAMPLE), str(HERE / name)])


@pytest.mark.parametrize("name", ["commands", "config.boot", "edgeos.boot"])
def test_vyos_is_named_with_what_can_be_audited(name):
    done = audit(name)
    assert (done.exit_code, done.stdout) == (Exit.INVALID, "")
    assert "this is VyOS" in done.stderr
    assert "vtysh -c 'show running-config'" in done.stderr


def test_what_is_not_read_at_all_is_not_asked_for_an_os():
    done = audit("ios.cfg")
    assert (done.exit_code, done.stdout) == (Exit.INVALID, "")
    assert "this is Cisco IOS" in done.stderr
    assert "say --os" not in done.stderr
