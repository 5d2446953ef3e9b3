"""``clusterlb audit``: is the configuration around the directors right?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit
from clusterlb.cli.generate import SYSTEMS

if TYPE_CHECKING:
    from clusterlb.audit.switch import SwitchReport


@click.group("audit")
def command() -> None:
    """Check the configuration of the machines around the directors."""


@command.command("switch")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--os",
    "system",
    type=click.Choice(SYSTEMS),
    help="The switch's system.  [default: recognised by its syntax]",
)
@options.inventory_option
@click.option(
    "--interface",
    "interfaces",
    metavar="NAME",
    multiple=True,
    help="A port to a director, or the SVI; repeatable.  [default: all with OSPF]",
)
@options.json_option
def switch(file: Path, system: str | None, inventory: Path, interfaces: tuple[str, ...], output: str) -> None:
    """Compare FILE, a switch's saved or shown configuration, with the inventory.

    Each finding names its consequence and the lines to enter. A setting that FILE does not show is
    `not seen`. The system whose syntax was read, and the reason, go to standard error. Exit code 0 without
    findings, 5 with findings, 3 when the inventory or FILE cannot be used.
    """
    from clusterlb.audit.finding import AuditSeverity
    from clusterlb.audit.switch import report
    from clusterlb.render.switch import ROUTER_ID, System, facts_of
    from clusterlb.render.templates import RenderError

    cluster = options.load_inventory(inventory)
    try:
        facts = facts_of(cluster, interfaces, ROUTER_ID)
        text = file.read_text(encoding="utf-8", errors="replace")
        audited = report(text, str(file), facts, System(system) if system else None)
    except RenderError as error:
        click.echo(str(error), err=True)
        raise SystemExit(int(Exit.INVALID)) from error
    except OSError as error:
        click.echo(f"{file}: {error.strerror}", err=True)
        raise SystemExit(int(Exit.INVALID)) from error
    _show(audited, str(file), output)
    if any(finding.severity is not AuditSeverity.NOT_SEEN for finding in audited.findings):
        raise SystemExit(int(Exit.DEGRADED))


def _show(audited: SwitchReport, file: str, output: str) -> None:
    guess = audited.guess
    for said in ([str(guess)] if guess.line or guess.doubt else []) + list(audited.omitted):
        click.echo(f"{file}: {said}", err=True)
    if output == "json":
        import json
        from dataclasses import asdict

        system = {"system": guess.system.value}
        rows = [asdict(f) | {"severity": f.severity.value} | system for f in audited.findings]
        click.echo(json.dumps(rows, indent=2))
    else:
        for finding in audited.findings:
            click.echo(str(finding))
