"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterlb.cli.exits import Exit

if TYPE_CHECKING:
    from clusterlb.model.inventory import Inventory

DEFAULT_INVENTORY = Path("/etc/clusterlb/inventory.yaml")

inventory_option = click.option(
    "--inventory",
    type=click.Path(path_type=Path),
    default=DEFAULT_INVENTORY,
    show_default=True,
    envvar="CLUSTERLB_INVENTORY",
    help="Inventory: a YAML file, or a directory of them.",
)
director_option = click.option(
    "--director", metavar="NAME", help="This director's name in the inventory.  [default: the host name]"
)
run_dir_option = click.option(
    "--run-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/run/clusterlb"),
    show_default=True,
    envvar="CLUSTERLB_RUN_DIR",
    help="Directory of the controller's unix socket.",
)
state_dir_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/lib/clusterlb"),
    show_default=True,
    envvar="CLUSTERLB_STATE_DIR",
    help="Directory of the controller's records.",
)
pathspace_option = click.option(
    "--pathspace",
    metavar="NAME",
    envvar="CLUSTERLB_PATHSPACE",
    help="FRR's pathspace (vtysh -N NAME), for several FRR on one host.",
)
check_user_option = click.option(
    "--check-user",
    metavar="NAME",
    default="nobody",
    show_default=True,
    envvar="CLUSTERLB_CHECK_USER",
    help="User that probes and programs of command checks run as, with CAP_NET_RAW alone.",
)
json_option = click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True
)


def load_inventory(path: Path) -> Inventory:
    """Return the inventory; print all problems and end with exit code 3 if one of them is an error."""
    from clusterlb.config.load import InventoryError, load

    try:
        return load(path)[0]
    except InventoryError as error:
        click.echo(str(error), err=True)
        raise SystemExit(int(Exit.INVALID)) from error


def host_name() -> str:
    """Return this host's name without its domain."""
    import socket

    return socket.gethostname().split(".", 1)[0]
