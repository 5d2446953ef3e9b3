"""``clusterlb pin``: say what a member is, whatever its checks say."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options


@click.command("pin")
@click.argument("member", metavar="POOL/ADDRESS:PORT")
@click.argument("state", type=click.Choice(["up", "down"]))
@click.option("--reason", required=True, help="Why; others will read it at night.")
@click.option("--for", "duration", metavar="TIME", help="Until when, as 30m or 2h.  [default: until unpin]")
@options.run_dir_option
def command(member: str, state: str, reason: str, duration: str | None, run_dir: Path) -> None:
    """Pin a member UP or DOWN on this director; its checks go on and are shown, and decide nothing.

    The pin is recorded on disk before it takes effect, and outlives the controller. Exit code 0 done, 1 not.
    """
    import getpass
    import os

    from clusterlb.cli.client import ask

    seconds = None if duration is None else _seconds(duration)
    who = os.environ.get("SUDO_USER") or getpass.getuser()
    body = {"member": member, "state": state, "reason": reason, "who": who, "for": seconds}
    status, answer = ask(run_dir, "POST", "/v1/pin", body=body)
    if status != 200:
        raise click.ClickException(answer["error"])
    click.echo(f"{member} is pinned {state}" + (f" for {duration}" if duration else f": {UNPIN} {member}"))


UNPIN = "take it back with clusterlb unpin"


def _seconds(text: str) -> float:
    from pydantic_core import PydanticCustomError

    from clusterlb.config.fields import parse_duration

    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise click.BadParameter(f"{text!r}: write for example 30m or 2h", param_hint="--for") from error
