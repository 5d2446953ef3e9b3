"""``clusterlb render``: the inventory as FRR and IPVS would be told of it."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit


@click.command("render")
@click.argument("what", type=click.Choice(["frr", "frr-daemons", "ipvs"]))
@options.inventory_option
@options.director_option
def command(what: str, inventory: Path, director: str | None) -> None:
    r"""Print what the inventory renders to; needs no root, no kernel, no FRR.

    \b
    frr          the lines of frr.conf that are clusterlb's
    frr-daemons  what /etc/frr/daemons has to enable
    ipvs         every service with its members at full weight, for ipvsadm-restore
    """
    from clusterlb.config.load import InventoryError, load
    from clusterlb.controller.reload import UnknownDirectorError, director_of
    from clusterlb.core.desired import full_state
    from clusterlb.render.frr import render_config, render_daemons
    from clusterlb.render.ipvsadm import render_rules
    from clusterlb.render.templates import RenderError

    try:
        cluster, _ = load(inventory)
        if what == "ipvs":
            text = render_rules(full_state(cluster).values())
        elif what == "frr-daemons":
            text = render_daemons(cluster)
        else:
            text = render_config(cluster, director_of(cluster, director or options.host_name()))
    except InventoryError as error:
        click.echo(str(error), err=True)
        raise SystemExit(int(Exit.INVALID)) from error
    except (UnknownDirectorError, RenderError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(text, nl=False)
