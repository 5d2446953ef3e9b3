"""``clusterlb resume``: change again what has to be changed."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import intent, options


@click.command("resume")
@options.run_dir_option
def command(run_dir: Path) -> None:
    """End a pause: the director is made as the inventory and the checks want it. Exit code 1: not paused."""
    intent.take_back(run_dir, "pause", "director")
    click.echo("resumed")
