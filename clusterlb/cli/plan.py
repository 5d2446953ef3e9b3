"""``clusterlb plan``: the steps that the controller would carry out now."""

from __future__ import annotations

import json
from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit


@click.command("plan")
@options.run_dir_option
@options.json_option
@click.option("--exit-code", is_flag=True, help="Exit 4 when the plan is not empty.")
def command(run_dir: Path, output: str, exit_code: bool) -> None:
    """Show what the running controller would change now, and change nothing."""
    from clusterlb.cli.client import ask

    _, answer = ask(run_dir, "GET", "/v1/plan")
    steps = answer["steps"]
    if output == "json":
        click.echo(json.dumps(answer, indent=2))
    elif steps:
        for number, step in enumerate(steps, 1):
            click.echo(f"{number:4}  {step}")
    else:
        click.echo("nothing to change: the director is as the inventory and the checks want it")
    if steps and exit_code:
        raise SystemExit(int(Exit.CHANGES))
