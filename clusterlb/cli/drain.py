"""``clusterlb drain``: out of service gracefully, for as long as it is wished."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from clusterlb.cli import options, wish

KINDS = ("director", "vip", "pool", "member")
kind_argument = click.argument("kind", type=click.Choice(KINDS))
name_argument = click.argument("name", required=False)


@click.command("drain")
@kind_argument
@name_argument
@wish.reason_option
@click.option("--deadline", metavar="TIME", help="How long flows may take, as 10m.  [default: as they need]")
@click.option("--at", metavar="TIME", help="When to begin: 03:00 or '2026-12-01 03:00', local time.")
@wish.for_option
@click.option("--wait/--detach", default=True, show_default=True, help="Watch it until it is done.")
@wish.force_option
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
    goal = target(kind, name, run_dir)
    begins = wish.moment(at, datetime.now().astimezone())
    patience = wish.seconds(deadline, "--deadline")
    length = wish.seconds(duration, "--for")
    wish.make(
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

        watch_drain(run_dir, goal, patience)


def target(kind: str, name: str | None, run_dir: Path) -> str:
    """Return what the controller calls it; a usage error without a needed name, or for another director."""
    from clusterlb.cli.client import ask

    if kind != "director":
        if not name:
            raise click.UsageError(f"name the {kind}")
        return f"{kind}/{name}"
    if name:
        _, status = ask(run_dir, "GET", "/v1/status")
        if status["director"] != name:
            here = status["director"]
            raise click.UsageError(f"this is director {here}: run it on {name}, or with its --run-dir")
    return "director"
