"""``clusterlb unpin``: let a member's checks decide again."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import intent, options


@click.command("unpin")
@click.argument("member", metavar="POOL/ADDRESS:PORT")
@options.run_dir_option
def command(member: str, run_dir: Path) -> None:
    """Take a pin back: the member's checks decide again. Exit code 0 done, 1 it was not pinned."""
    intent.take_back(run_dir, "pin", f"member/{member}")
    click.echo(f"{member} is as its checks say again")
