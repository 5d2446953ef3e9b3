"""Every command's help: what click's markers are for is not shown."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from clusterlb.cli.main import main


def paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from paths(below, (*path, name))


@pytest.mark.parametrize("path", list(paths(main)), ids=" ".join)
def test_no_help_shows_a_marker_of_clicks(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0, shown.output
    assert "\\" not in shown.output


def test_a_list_in_a_help_keeps_its_lines() -> None:
    shown = CliRunner().invoke(main, ["render", "--help"]).output
    assert [line.split()[0] for line in shown.splitlines() if line.startswith(("  frr", "  ipvs"))] == [
        "frr",
        "frr-daemons",
        "ipvs",
    ]
