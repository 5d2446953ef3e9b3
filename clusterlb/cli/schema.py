"""``clusterlb schema``: the inventory's reference, for people and for editors."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the inventory's JSON Schema, with a description of every key."""
    import json

    from clusterlb.config.schema import schema

    click.echo(json.dumps(schema(), indent=2))
