"""``clusterlb schedule``: operators' intents and maintenance windows, now and later."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.intent import take_back
from clusterlb.controller.intent_record import value_of
from clusterlb.model.intent import Intent
from clusterlb.model.readable import printable


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
        click.echo(_line(each))
    if window:
        times = f"{_time(window.begins)} to {_time(window.ends)}"
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


def _line(intent: Intent) -> str:
    until = f" until {_time(intent.until)}" if intent.until else ""
    what = " ".join(filter(None, (intent.kind.value, value_of(intent), str(intent.target))))
    begins = _time(intent.begins or intent.made)
    return printable(f"{what}: from {begins}{until}, by {intent.who}: {intent.reason}")


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M %Z}"
