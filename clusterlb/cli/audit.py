"""``clusterlb audit``: is what stands around the directors as it has to be?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit
from clusterlb.cli.generate import SYSTEMS

if TYPE_CHECKING:
    from clusterlb.generate.audit.finding import Finding


@click.group("audit")
def command() -> None:
    """Check the configuration of the machines around the directors."""


@command.command("switch")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--os", "system", type=click.Choice(SYSTEMS), help="The switch's system.  [default: told by the text]"
)
@options.inventory_option
@click.option(
    "--interface",
    "interfaces",
    metavar="NAME",
    multiple=True,
    help="A port to a director, or the SVI; repeatable.  [default: all that speak OSPF]",
)
@options.json_option
def switch(file: Path, system: str | None, inventory: Path, interfaces: tuple[str, ...], output: str) -> None:
    """Compare FILE, a switch's saved or shown configuration, with the inventory.

    Each finding says what it costs and which lines to enter. Exit code 0 when there is none, 5 when there
    are some, 3 when the inventory or FILE cannot be used.
    """
    from clusterlb.config.load import InventoryError, load
    from clusterlb.generate.audit.switch import audit_switch
    from clusterlb.generate.facts import SwitchError, facts_of
    from clusterlb.generate.switch import ROUTER_ID, System

    try:
        cluster, _ = load(inventory)
        facts = facts_of(cluster, interfaces, ROUTER_ID)
        text = file.read_text(encoding="utf-8", errors="replace")
        findings = audit_switch(text, str(file), facts, System(system) if system else None)
    except (InventoryError, SwitchError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(int(Exit.INVALID)) from error
    except OSError as error:
        click.echo(f"{file}: {error.strerror}", err=True)
        raise SystemExit(int(Exit.INVALID)) from error
    _show(findings, output)
    if findings:
        raise SystemExit(int(Exit.DEGRADED))


def _show(findings: list[Finding], output: str) -> None:
    if output == "json":
        import json
        from dataclasses import asdict

        rows = [asdict(finding) | {"severity": finding.severity.value} for finding in findings]
        click.echo(json.dumps(rows, indent=2))
    else:
        for finding in findings:
            click.echo(str(finding))
