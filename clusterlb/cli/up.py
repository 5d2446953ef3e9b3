"""``clusterlb up``: run the controller."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit


@click.command("up")
@options.inventory_option
@options.director_option
@options.run_dir_option
@options.state_dir_option
@options.pathspace_option
@click.option(
    "--metrics",
    metavar="HOST:PORT|off",
    default="127.0.0.1:9099",
    show_default=True,
    help="Address and port of the metrics.",
)
@options.check_user_option
@click.option(
    "--once",
    is_flag=True,
    help="Program the director once and end; VIPs without a decision are not announced.",
)
def command(
    inventory: Path,
    director: str | None,
    run_dir: Path,
    state_dir: Path,
    pathspace: str | None,
    metrics: str,
    check_user: str,
    once: bool,
) -> None:
    """Bring this director up and keep it so.

    Programs IPVS, configures FRR's OSPF, checks the members and announces each VIP that is fit. Stopping
    the controller (SIGTERM, Ctrl-C, even SIGKILL) changes nothing in the data path, and the next start adopts
    the state that it finds. SIGHUP or a changed inventory reloads. To take the director out of service, run
    clusterlb down; this command then ends with exit code 9.

    Example: clusterlb up --inventory /etc/clusterlb/inventory.yaml
    """
    # loading and starting take a second, in which SIGHUP must not end the process; the first look at the
    # files, right after the start, takes over a change
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from clusterlb.config.error import InventoryError
    from clusterlb.config.render import render_some
    from clusterlb.service import Options, StartError, run

    try:
        down = run(
            Options(
                inventory=inventory,
                director=director or options.host_name(),
                run_dir=run_dir,
                state_dir=state_dir,
                pathspace=pathspace,
                metrics=parse_metrics(metrics),
                once=once,
                check_user=check_user,
            )
        )
    except InventoryError as error:
        click.echo(render_some(error.problems), err=True)
        raise SystemExit(int(Exit.INVALID)) from error
    except StartError as error:
        raise click.ClickException(str(error)) from error
    if down:
        raise SystemExit(int(Exit.DOWN))


def parse_metrics(text: str) -> tuple[str, int] | None:
    """Return (host, port), or None for ``off``; raise click.BadParameter."""
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    digits = re.fullmatch("[0-9]{1,5}", port)
    if not host or not digits or not 0 < int(port) < 65536:
        raise click.BadParameter(f"{text!r} is neither HOST:PORT nor off", param_hint="--metrics")
    return host.strip("[]"), int(port)
