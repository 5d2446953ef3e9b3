"""``clusterlb schedule``: what is wished for, now and later."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from clusterlb.cli import options, wish
from clusterlb.model.readable import printable


@click.group("schedule")
def command() -> None:
    """List and cancel drains, pins, pauses and maintenance windows."""


@command.command("list")
@options.run_dir_option
@options.json_option
def list_(run_dir: Path, output: str) -> None:
    """List every wish that stands, and the next maintenance window."""
    from clusterlb.cli.client import ask

    _, status = ask(run_dir, "GET", "/v1/status")
    found = {"intents": status["intents"], "next_window": status["next_window"]}
    if output == "json":
        click.echo(json.dumps(found, indent=2))
        return
    for intent in found["intents"]:
        click.echo(_line(intent))
    window = found["next_window"]
    if window:
        begins, ends = (_time(window[name]) for name in ("begins", "ends"))
        click.echo(f"maintenance {window['name']}: {begins} to {ends}: {window['reason']}")
    elif not found["intents"]:
        click.echo("nothing is planned")


@command.command("cancel")
@click.argument("kind", type=click.Choice(["drain", "pin", "pause"]))
@click.argument("target")
@options.run_dir_option
def cancel(kind: str, target: str, run_dir: Path) -> None:
    """Cancel a wish, begun or not; TARGET is as `schedule list` prints it."""
    wish.take_back(run_dir, kind, target)
    click.echo(f"{kind} of {target} is cancelled")


def _line(intent: dict[str, Any]) -> str:
    begins = intent["begins"] or intent["made"]
    until = f" until {_time(intent['until'])}" if intent["until"] else ""
    value = f" {intent['value']}" if intent["value"] else ""
    what = f"{intent['kind']}{value} {intent['target']}"
    return printable(f"{what}: from {_time(begins)}{until}, by {intent['who']}: {intent['reason']}")


def _time(at: float) -> str:
    try:
        return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M %Z}"
    except (ValueError, OverflowError, OSError):  # what an older controller took in
        return f"{at:.0f} s after 1970, beyond the calendar"
