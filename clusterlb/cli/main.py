"""The ``clusterlb`` command; the module of a subcommand is imported when the subcommand is used."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar

import click

from clusterlb import __version__


class LazyGroup(click.Group):
    """A group that has its commands' help lines here and imports no command for ``--help``."""

    commands_help: ClassVar[dict[str, str]] = {
        "up": "Bring this director up and keep it so.",
        "down": "Take this director out of service gracefully.",
        "status": "Show what this director announces, and why.",
        "plan": "Show what would be changed now, and change nothing.",
        "reload": "Take over the inventory now.",
        "drain": "Take a director, VIP, pool or member out of service gracefully.",
        "undrain": "End a drain.",
        "schedule": "List and cancel drains, pins, pauses and maintenance windows.",
        "pause": "Watch, but change nothing.",
        "resume": "End a pause.",
        "check-now": "Run a member's checks once and print each phase.",
        "pin": "Set a member UP or DOWN, whatever its checks say.",
        "unpin": "Let a member's checks decide again.",
        "check": "Check an inventory and report every problem.",
        "render": "Print the inventory as configuration for FRR or IPVS.",
        "schema": "Print the inventory's JSON Schema.",
        "generate": "Write configuration for the machines around the directors.",
        "audit": "Check the configuration of the machines around the directors.",
        "lab": "Run a whole cluster on this machine.",
    }

    # commands that stand in the module of another command: module and name
    in_other_modules: ClassVar[dict[str, tuple[str, str]]] = {
        "undrain": ("clusterlb.cli.drain", "undrain"),
        "resume": ("clusterlb.cli.pause", "resume"),
        "unpin": ("clusterlb.cli.pin", "unpin"),
        "schema": ("clusterlb.cli.check", "schema"),
        "lab": ("clusterlb.lab.cli", "command"),  # a layer above this one, so it is imported by its name
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of an operator's day."""
        return list(self.commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one command; most modules have one, named ``command``."""
        if cmd_name not in self.commands_help:
            return None
        own = f"clusterlb.cli.{cmd_name.replace('-', '_')}", "command"
        module, name = self.in_other_modules.get(cmd_name, own)
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_help.items()))


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="clusterlb")
def main() -> None:
    """Run an all-active Linux Virtual Server cluster.

    Run `clusterlb up` on each director. Exit codes: 0 done, 1 failed, 2 usage, 3 invalid inventory,
    4 changes pending (plan --exit-code), 5 degraded, 6 the controller does not answer, 7 refused,
    8 timed out, 9 taken down.
    """
