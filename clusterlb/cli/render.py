"""``clusterlb render``: the inventory as configuration for FRR and IPVS."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options


@click.command("render")
@click.argument("what", type=click.Choice(["frr", "frr-daemons", "ipvs"]))
@options.inventory_option
@options.director_option
def command(what: str, inventory: Path, director: str | None) -> None:
    """Print the inventory as configuration for FRR or IPVS; needs no root, no kernel, no FRR.

    \b
    frr          clusterlb's lines of frr.conf
    frr-daemons  the daemons that /etc/frr/daemons has to enable
    ipvs         every service with its members at full weight, for ipvsadm-restore
    """  # noqa: D301 - click's marker is the character U+0008
    from clusterlb.controller.reload import UnknownDirectorError, director_of
    from clusterlb.core.desired import full_state
    from clusterlb.render.frr import render_config, render_daemons
    from clusterlb.render.ipvsadm import render_rules
    from clusterlb.render.templates import RenderError

    cluster = options.load_inventory(inventory)
    try:
        if what == "ipvs":
            text = render_rules(full_state(cluster).values())
        elif what == "frr-daemons":
            text = render_daemons(cluster)
        else:
            text = render_config(cluster, director_of(cluster, director or options.host_name()))
    except (UnknownDirectorError, RenderError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(text, nl=False)
