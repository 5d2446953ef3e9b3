"""``clusterlb schedule``: operators' intents and maintenance windows, now and later."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.intent import line, local_time, take_back


@click.group("schedule")
def command() -> None:
    """List and cancel drains, pins, pauses and maintenance windows."""


@command.command("list")
@options.run_dir_option
@options.json_option
def list_(run_dir: Path, output: str) -> None:
    """List all intents, and the next maintenance window."""
    from clusterlb.api.json_form import encode
    from clusterlb.cli.client import ask_status

    status = ask_status(run_dir)
    window = status.next_window
    if output == "json":
        click.echo(encode({"intents": status.intents, "next_window": window}, indent=2))
        return
    for each in status.intents:
        click.echo(line(each))
    if window:
        times = f"{local_time(window.begins)} to {local_time(window.ends)}"
        click.echo(f"maintenance {window.name}: {times}: {window.reason}")
    elif not status.intents:
        click.echo("nothing is planned")


@command.command("cancel")
@click.argument("kind", type=click.Choice(["drain", "pin", "pause"]))
@click.argument("target")
@options.run_dir_option
def cancel(kind: str, target: str, run_dir: Path) -> None:
    """Cancel an intent, begun or not; TARGET is as `schedule list` prints it."""
    take_back(run_dir, kind, target)
    click.echo(f"{kind} of {target} is cancelled")
