"""``clusterlb pause``: watch, but change nothing."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import intent, options


@click.command("pause")
@intent.reason_option
@intent.for_option
@options.run_dir_option
def command(reason: str, duration: str | None, run_dir: Path) -> None:
    """Have this director's controller watch and change nothing: no repair, no announcement, no withdrawal.

    Members that fail stay in the table and a dead pool stays announced until `clusterlb resume`.
    """
    length = intent.seconds(duration, "--for")
    intent.make(run_dir, kind="pause", target="director", reason=reason, **{"for": length})
    click.echo(f"paused{f' for {duration}' if duration else ''}; go on with: clusterlb resume")
