"""``clusterlb reload``: take over the inventory now."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit


@click.command("reload")
@options.run_dir_option
@click.option("--yes", is_flag=True, help="Take it over although it removes more than `cluster.max_removed`.")
def command(run_dir: Path, yes: bool) -> None:
    """Take over the inventory now, as SIGHUP does, and print the result.

    Without this command, a changed inventory is taken over after its files have not changed for a second or
    two. An inventory that removes more than `cluster.max_removed` of the VIPs, services or members waits for
    --yes. Exit code 3: the inventory has errors; 7: it waits for --yes.
    """
    from clusterlb.cli.client import ask

    status, answer = ask(run_dir, "POST", "/v1/reload", timeout=60.0, body={"yes": yes})
    if status != 200:
        click.echo(f"not taken over, the last good one stays in force: {answer.get('error')}", err=True)
        raise SystemExit(int({409: Exit.REFUSED, 422: Exit.INVALID}.get(status, Exit.FAILED)))
    click.echo("taken over")
