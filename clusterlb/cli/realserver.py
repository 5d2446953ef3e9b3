"""``clusterlb generate realserver``: configuration for the members' hosts."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options

FORMATS = ("sh", "networkd", "ifupdown", "ansible")


@click.command("realserver")
@click.argument("members", nargs=-1, metavar="[MEMBER]...")
@click.option("--pool", metavar="NAME", help="All members of this pool.  [default: of all pools]")
@options.inventory_option
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="sh",
    show_default=True,
    help="The program that configures the host.",
)
@click.option(
    "--interface",
    metavar="NAME",
    help="The host's interface towards the directors: networkd, ifupdown with nat.  [default: a placeholder]",
)
def command(
    members: tuple[str, ...], pool: str | None, inventory: Path, form: str, interface: str | None
) -> None:
    """Print the settings with which packets to the VIPs reach a real server, and its replies the clients.

    A MEMBER is an address, or address:port; several members are taken for one host's. `sh` prints one script
    for all servers: it finds its part by the host's addresses, and can check and undo. docs/real-servers.md
    explains the settings of each forwarding method.
    """
    from clusterlb.render.realserver.host import member_named, members_of
    from clusterlb.render.realserver.render import INTERFACE, Format, needs_interface, render_realserver
    from clusterlb.render.templates import RenderError

    if members and pool is not None:
        raise click.UsageError("give members or --pool, not both")
    chosen = Format(form)
    cluster = options.load_inventory(inventory)
    try:
        if members:
            hosts = [tuple(member_named(cluster, member) for member in members)]
        else:
            hosts = [(address,) for address in members_of(cluster, pool)]
        text = render_realserver(cluster, hosts, chosen, interface or INTERFACE)
        if interface is None and needs_interface(cluster, hosts, chosen):
            click.echo(f"fill in {INTERFACE}, or give --interface", err=True)
    except RenderError as error:
        raise click.ClickException(str(error)) from error
    click.echo(text, nl=False)
