"""``clusterlb pause`` and ``resume``: the controller watches and changes nothing, then changes again."""

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


@click.command("resume")
@options.run_dir_option
def resume(run_dir: Path) -> None:
    """End a pause: the controller repairs, announces and withdraws again. Exit code 1: it was not paused."""
    intent.take_back(run_dir, "pause", "director")
    click.echo("resumed")
