"""``clusterlb pin`` and ``unpin``: an operator sets a member's verdict, or leaves it to the checks again."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import intent, options


@click.command("pin")
@click.argument("member", metavar="POOL/ADDRESS:PORT")
@click.argument("state", type=click.Choice(["up", "down"]))
@intent.reason_option
@intent.for_option
@options.run_dir_option
def command(member: str, state: str, reason: str, duration: str | None, run_dir: Path) -> None:
    """Pin a member UP or DOWN on this director; its checks go on and are shown, but decide nothing.

    The pin is on disk before it takes effect, and outlives the controller. Exit code 0 done, 1 failed.
    """
    length = intent.seconds(duration, "--for")
    intent.make(run_dir, kind="pin", target=f"member/{member}", value=state, reason=reason, **{"for": length})
    until = f" for {duration}" if duration else f"; take it back with: clusterlb unpin {member}"
    click.echo(f"{member} is pinned {state}{until}")


@click.command("unpin")
@click.argument("member", metavar="POOL/ADDRESS:PORT")
@options.run_dir_option
def unpin(member: str, run_dir: Path) -> None:
    """End a pin: the member's checks decide again. Exit code 0 done, 1 the member was not pinned."""
    intent.take_back(run_dir, "pin", f"member/{member}")
    click.echo(f"{member} is as its checks say again")
