"""``clusterlb check`` and ``schema``: the problems of an inventory, and the reference of its keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from clusterlb.config.problem import Problem
    from clusterlb.model.inventory import Inventory


@click.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text as a compiler prints it, or a JSON list of problems.",
)
@click.pass_context
def command(context: click.Context, path: Path, output: str) -> None:
    """Report every problem of the inventory at PATH, a YAML file or a folder of them.

    Needs no root, no kernel, no FRR. Exit status 0 when there is no error (there may be warnings), else 3.
    """
    from clusterlb.cli.exits import Exit
    from clusterlb.config.load import InventoryError, load

    inventory: Inventory | None = None
    try:
        inventory, problems = load(path)
    except InventoryError as error:
        problems = error.problems
    _echo(_json(problems) if output == "json" else _text(path, inventory, problems))
    context.exit(Exit.INVALID if inventory is None else Exit.OK)


def _text(path: Path, inventory: Inventory | None, problems: tuple[Problem, ...]) -> str:
    from clusterlb.config.files import printable_path
    from clusterlb.config.render import render, summary
    from clusterlb.model.readable import printable

    lines = [render(problems)] if problems else []
    count = summary(problems)
    if inventory is None:
        lines.append(f"{printable_path(path)}: invalid: {count}")
    else:
        services = sum(len(vip.services) for vip in inventory.vips.values())
        parts = (
            (len(inventory.directors), "director"),
            (len(inventory.pools), "pool"),
            (len(inventory.vips), "VIP"),
            (services, "service"),
        )
        holds = ", ".join(f"{number} {noun}{'' if number == 1 else 's'}" for number, noun in parts)
        lines.append(f"{printable_path(path)}: ok: {holds}; {count}")
    lines[-1] = printable(lines[-1])
    return "\n".join(lines)


def _json(problems: tuple[Problem, ...]) -> str:
    import json
    from dataclasses import asdict

    from clusterlb.config.render import excerpt

    rows: list[dict[str, object]] = [
        {**asdict(problem), "severity": problem.severity.value, "source": excerpt(problem)[0]}
        for problem in problems
    ]
    return json.dumps(rows, indent=2)


def _echo(text: str) -> None:
    """Print text; characters that the terminal's encoding lacks are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


@click.command("schema")
def schema() -> None:
    """Print the inventory's JSON Schema, with a description of every key."""
    import json

    from clusterlb.config.schema import schema as json_schema

    click.echo(json.dumps(json_schema(), indent=2))
