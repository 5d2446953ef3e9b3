"""What ends with `clusterlb down` ends so that the shipped unit does not start it again."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_director import FakeDirector, announced, running

from clusterlb import service as start
from clusterlb.cli.exits import Exit
from clusterlb.cli.main import main

UNIT = Path(__file__).parents[3] / "docs" / "systemd" / "clusterlb.service"


@pytest.mark.parametrize(("down", "status"), [(True, Exit.DOWN), (False, Exit.OK)])
def test_up_says_how_it_ended(monkeypatch, tmp_path, down, status):
    monkeypatch.setattr(start, "run", lambda options: down)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # this process goes on, and others start from it
    (tmp_path / "inventory.yaml").write_text("")
    ended = CliRunner().invoke(main, ["up", "--inventory", str(tmp_path / "inventory.yaml")])
    assert ended.exit_code == status


def test_the_unit_does_not_start_what_was_taken_down():
    unit = configparser.ConfigParser(strict=False)
    unit.read(UNIT)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["RestartPreventExitStatus"] == str(int(Exit.DOWN))
    assert unit["Service"]["SuccessExitStatus"] == str(int(Exit.DOWN))  # no failure for OnFailure=


async def test_a_controller_knows_that_it_was_taken_down(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        assert not controller.is_down
        assert await controller.down() == []
    assert controller.is_down
    assert not announced(host)
    async with running(host) as controller:
        pass
    assert not controller.is_down
