"""``clusterlb generate``: configuration for the machines around the directors."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options, realserver

SYSTEMS = ("nxos", "eos", "junos", "sonic", "frr")


@click.group("generate")
def command() -> None:
    """Write configuration for the machines around the directors."""


@command.command("switch")
@click.option("--os", "system", type=click.Choice(SYSTEMS), required=True, help="The switch's system.")
@options.inventory_option
@click.option(
    "--interface",
    "interfaces",
    metavar="NAME",
    multiple=True,
    help="A port to a director, or the SVI; repeatable.  [default: a placeholder]",
)
@click.option("--router-id", metavar="A.B.C.D", help="The switch's router id.  [default: a placeholder]")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
def switch(
    system: str, inventory: Path, interfaces: tuple[str, ...], router_id: str | None, output: Path | None
) -> None:
    """Print the access switch's configuration for this inventory.

    Read the output, then merge it into the switch's configuration; docs/switch.md explains each part. An MD5
    key in the inventory is in the output too; a new file is readable by its owner alone.
    """
    from clusterlb.render.switch import ROUTER_ID, System, facts_of, render_switch
    from clusterlb.render.templates import RenderError

    cluster = options.load_inventory(inventory)
    try:
        facts = facts_of(cluster, interfaces, router_id or ROUTER_ID)
        chosen = System(system)
        text = render_switch(facts, chosen)
    except RenderError as error:
        raise click.ClickException(str(error)) from error
    if not interfaces or router_id is None:
        click.echo("fill in PORT_TO_DIRECTORS and ROUTER_ID, or give --interface and --router-id", err=True)
    shared = chosen.is_frr or facts.network == "broadcast"
    if interfaces and len(interfaces) < len(cluster.directors) and not shared:
        counts = f"{len(interfaces)} for {len(cluster.directors)} directors"
        click.echo(f"{system} takes one director per port (point-to-point): {counts}", err=True)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.touch(mode=0o600)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from error


@command.command("certs")
@options.inventory_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the authority; it is made where it is not there.",
)
@click.option("--director", "names", multiple=True, metavar="NAME", help="For this one alone; repeatable.")
@click.option(
    "--days",
    type=click.IntRange(1, 36500),
    default=825,
    show_default=True,
    help="How long they are good for.",
)
def certs(inventory: Path, output: Path, names: tuple[str, ...], days: int) -> None:
    """Make the certificates by which the directors know each other (`cluster.peers`).

    The folder has an authority of the cluster's own, which signs again when the command runs again, and a
    certificate and a key for each director. Give each director authority.pem and its own two files;
    authority.key stays where no director is.
    """
    from clusterlb.peers.certificates import CertificatesError, make_certificates

    cluster = options.load_inventory(inventory)
    unknown = [name for name in names if name not in cluster.directors]
    if unknown:
        known = ", ".join(cluster.directors)
        raise click.ClickException(f"the inventory has no director {unknown[0]!r}; it has {known}")
    try:
        written = make_certificates(output, cluster.cluster.name, names or tuple(cluster.directors), days)
    except CertificatesError as error:
        raise click.ClickException(str(error)) from error
    for path in written:
        click.echo(path)


command.add_command(realserver.command)
