"""``clusterlb drain`` and ``undrain``: out of service gracefully, and back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from clusterlb.cli import intent, options
from clusterlb.model.target import parse_target

KINDS = ("director", "vip", "pool", "member")
kind_argument = click.argument("kind", type=click.Choice(KINDS))
name_argument = click.argument("name", required=False)


@click.command("drain")
@kind_argument
@name_argument
@intent.reason_option
@click.option(
    "--deadline", metavar="TIME", help="How long flows may take to move, as 10m.  [default: no limit]"
)
@click.option("--at", metavar="TIME", help="When to begin: 03:00 or '2026-12-01 03:00', local time.")
@intent.for_option
@click.option("--wait/--detach", default=True, show_default=True, help="Watch the drain until it is done.")
@intent.force_option
@options.run_dir_option
def command(
    kind: str,
    name: str | None,
    reason: str,
    deadline: str | None,
    at: str | None,
    duration: str | None,
    wait: bool,
    force: bool,
    run_dir: Path,
) -> None:
    """Drain this director, or one of its VIPs, pools or members.

    NAME is a VIP's address, a pool's name, or POOL/ADDRESS:PORT; for the director it may be left out.

    A director's or a VIP's route gets worse than all others', and is withdrawn when its flows have moved and
    enough other directors announce it. A member gets weight 0, and leaves the table with its last connection.
    A drain outlives the controller; Ctrl-C ends the watching, not the draining. `clusterlb undrain` ends it.

    Exit code 0 done (or begun, with --detach), 7 a guard refused, 8 the deadline passed while watching.
    """
    goal = target_text(kind, name, run_dir)
    begins = intent.moment(at, datetime.now().astimezone())
    patience = intent.seconds(deadline, "--deadline")
    length = intent.seconds(duration, "--for")
    intent.make(
        run_dir,
        kind="drain",
        target=goal,
        reason=reason,
        begins=begins,
        patience=patience,
        force=force,
        **{"for": length},
    )
    if begins:
        when = datetime.fromtimestamp(begins).astimezone()
        click.echo(f"{goal} will drain from {when:%Y-%m-%d %H:%M %Z} on")
        return
    click.echo(f"{goal} drains; end it with: clusterlb undrain {kind} {name or ''}".rstrip())
    if wait:
        from clusterlb.cli.watch import watch_drain

        watch_drain(run_dir, parse_target(goal), patience)


def target_text(kind: str, name: str | None, run_dir: Path) -> str:
    """Return a target as the controller writes it; usage error for a missing name or another director."""
    from clusterlb.cli.client import ask_status

    if kind != "director":
        if not name:
            raise click.UsageError(f"name the {kind}")
        return f"{kind}/{name}"
    if name and (here := ask_status(run_dir).director) != name:
        raise click.UsageError(f"this is director {here}: run it on {name}, or with its --run-dir")
    return kind


@click.command("undrain")
@kind_argument
@name_argument
@options.run_dir_option
def undrain(kind: str, name: str | None, run_dir: Path) -> None:
    """End a drain: routes and weights come back as the checks allow. Exit code 0 done, 1 nothing drained."""
    goal = target_text(kind, name, run_dir)
    intent.take_back(run_dir, "drain", goal)
    click.echo(f"{goal} is back in service")
