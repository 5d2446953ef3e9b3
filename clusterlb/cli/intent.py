"""Shared by the commands that make intents and list them: the operator's name, times, an intent's line."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from clusterlb.cli.exits import Exit
from clusterlb.controller.intent_record import value_of
from clusterlb.model.intent import Intent
from clusterlb.model.readable import printable

reason_option = click.option(
    "--reason", required=True, help="Why; the status, the schedule and the log show it."
)
for_option = click.option("--for", "duration", metavar="TIME", help="How long, as 30m or 2h.")
force_option = click.option("--force", is_flag=True, help="Do it although a guard refuses.")


def make(run_dir: Path, **fields: Any) -> None:
    """Have the controller make an intent; exit code 7 when a guard refuses, 1 for another error."""
    _send(run_dir, "POST", {"who": operator(), **fields})


def take_back(run_dir: Path, kind: str, target: str) -> None:
    """Have the controller forget an intent; exit code 1 when there is no such intent."""
    _send(run_dir, "DELETE", {"kind": kind, "target": target})


def line(intent: Intent) -> str:
    """Return what an intent is, since when and how long it stands, whose it is and why, on one line."""
    until = f" until {local_time(intent.until)}" if intent.until else ""
    what = " ".join(filter(None, (intent.kind.value, value_of(intent), str(intent.target))))
    begins = local_time(intent.begins or intent.made)
    return printable(f"{what}: from {begins}{until}, by {intent.who}: {intent.reason}")


def local_time(at: float) -> str:
    """Return a time, seconds since 1970, as this machine's clock on the wall shows it."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M %Z}"


def operator() -> str:
    """Return the user's name; under sudo, the name of the user who called sudo."""
    import getpass
    import os

    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def seconds(text: str | None, option: str) -> float | None:
    """Return the seconds of ``30m`` or ``2h``, None for no text; end with a usage error."""
    from pydantic_core import PydanticCustomError

    from clusterlb.config.fields import parse_duration
    from clusterlb.model.intent import LONGEST

    try:
        length = None if text is None else parse_duration(text)
    except PydanticCustomError as error:
        raise click.BadParameter(f"{text!r}: write for example 30m or 2h", param_hint=option) from error
    if length is not None and length > LONGEST:
        text = (
            f"{text!r} is more than {LONGEST / 3600:.0f}h: leave it out, and it stands until it is taken back"
        )
        raise click.BadParameter(text, param_hint=option)
    return length


def moment(text: str | None, now: datetime) -> float:
    """Return the seconds since 1970 of ``2026-12-01 03:00`` or the next ``03:00``, local time; 0 for no text.

    Ends with a usage error for any other text, and for a time in the past.
    """
    from clusterlb.model.intent import LATEST

    if text is None:
        return 0.0
    try:
        if len(text) == 5:
            clock = datetime.strptime(text, "%H:%M").time()
            when = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
            when += timedelta(days=1) if when <= now else timedelta()
        else:
            when = datetime.fromisoformat(text)
            when = when.astimezone() if when.tzinfo is None else when
        begins = when.timestamp()
    except (ValueError, OverflowError, OSError) as error:
        text = f"{text!r}: write for example 03:00 or '2026-12-01 03:00'"
        raise click.BadParameter(text, param_hint="--at") from error
    if when <= now:
        raise click.BadParameter(f"{when:%Y-%m-%d %H:%M %Z} is past", param_hint="--at")
    if begins > LATEST:
        raise click.BadParameter(f"{when:%Y-%m-%d %H:%M %Z} is after 2099", param_hint="--at")
    return begins


def _send(run_dir: Path, method: str, body: dict[str, Any]) -> None:
    from clusterlb.cli.client import ask

    status, answer = ask(run_dir, method, "/v1/intents", body=body)
    if status != 200:
        error = answer.get("error", f"the controller answered {status}")
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(int(Exit.REFUSED if status == 409 else Exit.FAILED))
