"""``clusterlb plan``: the steps that the controller would carry out, and what they do to the flows."""

from __future__ import annotations

import json
from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit

PATIENCE = 660.0  # seconds; the controller gives up counting a little earlier, and says so


@click.command("plan")
@options.run_dir_option
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="Plan for this inventory instead of the one in force; its new checks are taken to pass.",
)
@options.json_option
@click.option("--exit-code", is_flag=True, help="Exit 4 when the plan is not empty.")
def command(run_dir: Path, inventory: Path | None, output: str, exit_code: bool) -> None:
    """Show what the running controller would change, and change nothing.

    For each service whose table changes, the plan says how many flows live and how many of them are strays,
    now and then: flows on another member than the table picks, which only their own director's entry keeps.
    Counting takes a second for 100,000 flows, and may take minutes for a million. Exit code 3: the inventory
    has errors.
    """
    from urllib.parse import quote

    from clusterlb.api.json_form import decode
    from clusterlb.cli.client import ask
    from clusterlb.model.forecast import ServiceForecast

    url = "/v1/plan" if inventory is None else f"/v1/plan?inventory={quote(str(inventory.resolve()))}"
    status, answer = ask(run_dir, "GET", url, PATIENCE)
    if status != 200:
        click.echo(f"{inventory} cannot be in force here: {answer.get('error')}", err=True)
        raise SystemExit(int(Exit.INVALID))
    steps = answer["steps"]
    if output == "json":
        click.echo(json.dumps(answer, indent=2))
    elif steps:
        for number, step in enumerate(steps, 1):
            click.echo(f"{number:4}  {step}")
        flows = [decode(ServiceForecast, each) for each in answer["flows"]]
        if flows:
            click.echo("flows:")
        for each in flows:
            click.echo(f"      {each}")
    else:
        click.echo("nothing to change: the director is as the inventory and the checks want it")
    if steps and exit_code:
        raise SystemExit(int(Exit.CHANGES))
