"""``clusterlb lab kernel``: the kernel that the lab runs on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from clusterlb.lab.kernel.choice import KernelChoice

kernel_option = click.option(
    "--kernel",
    "kernel_name",
    type=click.Choice(["native", "uml", "microvm"]),
    envvar="CLUSTERLB_LAB_KERNEL",
    help="Run on this kernel.  [default: the running one where it has IPVS, else User-Mode Linux where it is "
    "built, else a microVM; or CLUSTERLB_LAB_KERNEL]",
)


@click.group("kernel")
def kernel() -> None:
    """Build a kernel with IPVS that runs as a process, and run commands on that kernel.

    The lab runs on the running kernel if it has IPVS and dummy interfaces, else in User-Mode Linux if that
    is built, else in a microVM with Debian's own kernel (QEMU), which is five times as slow.
    """


@kernel.command("build")
@click.option(
    "--source",
    metavar="PACKAGE",
    help="Debian's source package, as linux-source-6.12.  [default: the newest of 6.16 or later, backports "
    "included]",
)
def build(source: str | None) -> None:
    """Build User-Mode Linux from Debian's kernel source, once; takes about 5 minutes on two processors.

    The kernel is kept in ~/.cache/clusterlb/kernels (or under XDG_CACHE_HOME). This host's apt and packages
    do not change.
    """
    from clusterlb.lab.kernel.build import build as build_kernel
    from clusterlb.lab.netns import LabError

    try:
        build_kernel(source)
    except LabError as error:
        raise click.ClickException(str(error)) from error


@kernel.command("run", context_settings={"ignore_unknown_options": True})
@kernel_option
@click.option(
    "--source",
    metavar="PACKAGE",
    help="Run on the User-Mode Linux built of this package.  [default: the newest that is built]",
)
@click.option(
    "--root",
    "tree",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Use the root directory of another system, in User-Mode Linux. COMMAND is a program of that system; "
    "the present directory exists there too.",
)
@click.option(
    "--memory", type=click.IntRange(min=512), default=3072, show_default=True, help="A guest's MiB."
)
@click.option("--limit", type=float, default=3000.0, show_default=True, help="Seconds that a guest may take.")
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def run(
    kernel_name: str | None,
    source: str | None,
    tree: Path | None,
    memory: int,
    limit: float,
    argv: tuple[str, ...],
) -> None:
    """Run COMMAND on a kernel with IPVS; outputs and exit code are COMMAND's.

    A guest can read this host's files and cannot change them: its writes go to its memory, and are lost when
    COMMAND ends.
    """
    import os

    from clusterlb.lab.kernel import choice
    from clusterlb.lab.kernel.guest import Task
    from clusterlb.lab.netns import LabError

    forced: KernelChoice | None = choice.KernelChoice(kernel_name) if kernel_name else None
    if source is not None:
        if forced not in {None, choice.KernelChoice.UML}:
            raise click.UsageError("--source names a User-Mode Linux: it goes with --kernel uml alone")
        forced = choice.KernelChoice.UML
    try:
        status = choice.run(Task(argv, limit=limit, memory=memory, tree=tree), forced, source)
        if status is None:
            os.execvp(argv[0], argv)
    except OSError as error:
        raise click.ClickException(f"cannot run {argv[0]}: {error.strerror}") from error
    except LabError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(status)
