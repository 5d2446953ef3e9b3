"""``clusterlb undrain``: back into service."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import intent, options
from clusterlb.cli.drain import kind_argument, name_argument, target_text


@click.command("undrain")
@kind_argument
@name_argument
@options.run_dir_option
def command(kind: str, name: str | None, run_dir: Path) -> None:
    """End a drain: routes and weights come back as the checks allow. Exit code 0 done, 1 nothing drained."""
    goal = target_text(kind, name, run_dir)
    intent.take_back(run_dir, "drain", goal)
    click.echo(f"{goal} is back in service")
