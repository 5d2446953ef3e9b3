"""The ``clusterlb`` command: each subcommand's module is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

import click

from clusterlb import __version__


class LazyGroup(click.Group):
    """A group that knows its commands' help lines without importing them, so ``--help`` answers at once."""

    commands_help: ClassVar[dict[str, str]] = {
        "up": "Bring this director up and keep it so.",
        "down": "Take this director out of service gracefully.",
        "status": "Show what this director announces, and why.",
        "plan": "Show what would be changed now, and change nothing.",
        "reload": "Take over the inventory now.",
        "drain": "Take a director, VIP, pool or member out of service gracefully.",
        "undrain": "End a drain.",
        "schedule": "List and cancel what is planned.",
        "pause": "Watch, but change nothing.",
        "resume": "End a pause.",
        "check-now": "Run a member's checks once and print each phase.",
        "pin": "Say what a member is, whatever its checks say.",
        "unpin": "Let a member's checks decide again.",
        "check": "Check an inventory and report every problem.",
        "render": "Print what the inventory renders to.",
        "schema": "Print the inventory's JSON Schema.",
        "generate": "Write configuration for the machines around the directors.",
        "audit": "Check the configuration of the machines around the directors.",
        "lab": "Run a whole cluster on this machine.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of an operator's day."""
        return list(self.commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command's module; each calls its command ``command``."""
        if cmd_name not in self.commands_help:
            return None
        # the lab runs this command, so it is above it, and is found by its name
        module = "clusterlb.lab.cli" if cmd_name == "lab" else f"clusterlb.cli.{cmd_name.replace('-', '_')}"
        command: click.Command = import_module(module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_help.items()))


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="clusterlb")
def main() -> None:
    """Run an all-active Linux Virtual Server cluster.

    `clusterlb up` on each director is the whole job. Exit codes: 0 done, 1 failed, 2 usage, 3 invalid
    inventory, 5 degraded, 6 the controller does not answer, 7 refused, 8 timed out, 9 taken down.
    """
