"""``clusterlb lab``: a whole cluster on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from clusterlb.cli.exits import Exit
from clusterlb.lab.kernel.cli import kernel, kernel_option

spec_option = click.option(
    "--spec",
    "spec_path",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="What the lab looks like: YAML, see inventory/lab/.  [default: 8 directors, 4 real servers]",
)
inventory_option = click.option(
    "--inventory",
    "inventory_path",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Run this inventory, laid out as docs/lab.md says. Of --spec, only switch and wait are used.",
)


@click.group("lab")
def command() -> None:
    """Run a whole cluster on this machine: switch, directors, real servers and a client.

    Each is a network namespace with the real FRR, and the directors run `clusterlb up` on the real IPVS.
    Where this kernel has no IPVS all of it runs on another kernel, see `clusterlb lab kernel`. Needs root.
    """


@command.command("run", context_settings={"ignore_unknown_options": True})
@spec_option
@inventory_option
@kernel_option
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def run(
    spec_path: Path | None, inventory_path: Path | None, kernel_name: str | None, argv: tuple[str, ...]
) -> None:
    """Bring a lab up, run COMMAND in it, take it down; the exit code is COMMAND's.

    COMMAND reaches the namespaces with `ip netns exec NAME`: client, switch, d1..., r1... The file that
    CLUSTERLB_LAB names describes the lab.

    Example: clusterlb lab run -- ip netns exec client curl -s http://10.100.0.1/
    """
    if not argv:
        raise click.UsageError("there is no COMMAND: clusterlb lab run [OPTIONS] -- COMMAND...")
    raise SystemExit(_in_lab(spec_path, inventory_path, kernel_name, argv, interactive=False))


@command.command("shell")
@spec_option
@inventory_option
@kernel_option
def shell(spec_path: Path | None, inventory_path: Path | None, kernel_name: str | None) -> None:
    """Bring a lab up and open a shell in it; leaving the shell takes the lab down."""
    raise SystemExit(_in_lab(spec_path, inventory_path, kernel_name, ["bash", "-i"], interactive=True))


@command.command("demo")
@kernel_option
def demo(kernel_name: str | None) -> None:
    """Watch eight directors share a VIP, and lose two of them without losing service.

    A client keeps connections and requests going; one director is taken out gracefully, another is killed.
    The exit code is 0 if the numbers hold.
    """
    from clusterlb.lab.demo import watch_demo

    _require()
    forced = ["--kernel", kernel_name] if kernel_name else []
    raise SystemExit(watch_demo([sys.executable, "-m", "clusterlb", "lab", "run", *forced, "--", *_SCENARIO]))


_SCENARIO = (sys.executable, "-m", "clusterlb.lab.scenario")


def _in_lab(
    spec_path: Path | None,
    inventory_path: Path | None,
    kernel_name: str | None,
    argv: Sequence[str],
    *,
    interactive: bool,
) -> int:
    from clusterlb.config.load import InventoryError
    from clusterlb.lab.inventory import prepare
    from clusterlb.lab.kernel import choice
    from clusterlb.lab.kernel.guest import Task
    from clusterlb.lab.lab import Lab
    from clusterlb.lab.netns import LabError
    from clusterlb.lab.session import run_session
    from clusterlb.lab.spec import LabSpec, SpecError, load_spec

    _require()
    try:
        spec = LabSpec() if spec_path is None else load_spec(spec_path)
        lab = Lab(spec, *prepare(spec, inventory_path), _say())
        again = _again({"--spec": spec_path, "--inventory": inventory_path}, argv, interactive=interactive)
        status = choice.run(
            Task(again, interactive), choice.KernelChoice(kernel_name) if kernel_name else None
        )
        return run_session(lab, argv, interactive=interactive) if status is None else status
    except (SpecError, InventoryError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(int(Exit.INVALID)) from error
    except LabError as error:
        raise click.ClickException(str(error)) from error


def _again(files: Mapping[str, Path | None], argv: Sequence[str], *, interactive: bool) -> list[str]:
    """Return this command with paths as a guest sees them, for the guest's kernel."""
    from clusterlb.lab.kernel.guest import guest_path

    options = [word for name, path in files.items() if path for word in (name, str(guest_path(path)))]
    what = ["shell", *options] if interactive else ["run", *options, "--", *argv]
    return [sys.executable, "-m", "clusterlb", "lab", *what]


def _require() -> None:
    from clusterlb.lab.host import missing_packages

    if os.geteuid() != 0:
        raise click.ClickException("the lab makes network namespaces: run it as root")
    if missing := missing_packages():
        raise click.ClickException(f"the lab needs packages: apt-get install {' '.join(missing)}")


command.add_command(kernel)


def _say() -> Callable[[str], None]:
    from time import monotonic

    started = monotonic()
    return lambda text: click.echo(f"lab: [{monotonic() - started:5.1f} s] {text}", err=True)
