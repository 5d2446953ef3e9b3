"""The ``clusterlb`` command: its groups are imported when they are used."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Run an all-active Linux Virtual Server cluster."""
