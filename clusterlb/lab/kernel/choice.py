"""The kernel for a command: the running one if it has IPVS, else User-Mode Linux, else an emulated one."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum

from clusterlb.lab.host import has_ipvs
from clusterlb.lab.kernel import cache, microvm, uml
from clusterlb.lab.kernel.guest import Task, precompile
from clusterlb.lab.netns import LabError
from clusterlb.lab.process import say

BUILD = "clusterlb lab kernel build"


class KernelChoice(Enum):
    """The kernels that a command can run on."""

    NATIVE = "native"
    UML = "uml"
    MICROVM = "microvm"


def run(task: Task, forced: KernelChoice | None, source: str | None = None) -> int | None:
    """Run a command in a guest, and return its exit status; None if the command has to run on this kernel.

    ``source``: the Debian package that User-Mode Linux was built from. Prints the choice. Raises LabError
    without a kernel, or without the forced one.
    """
    guest = _choose(forced, source)
    if guest is None:
        if task.tree is not None:
            raise LabError("--root needs User-Mode Linux: this kernel runs on its own root")
        return None
    precompile()
    try:
        return guest(task)
    except uml.NotStartedError as error:
        if forced or task.tree is not None:
            raise
        say(str(error))
        say("booting a microVM instead, which takes about 15 s")
        return microvm.run(task)


def _choose(forced: KernelChoice | None, source: str | None) -> Callable[[Task], int] | None:
    if forced in {None, KernelChoice.NATIVE} and has_ipvs():
        return None
    if forced is KernelChoice.NATIVE:
        raise LabError(
            "this kernel has no IPVS or no dummy interfaces, and --kernel native asks for this one: "
            "`modprobe ip_vs dummy` would load them where the kernel's package has them"
        )
    if os.geteuid() != 0:
        raise LabError("this kernel has no IPVS, and a guest that has it needs root: run this as root")
    why = "--kernel asks for it" if forced else "this kernel has no IPVS"
    built = None if forced is KernelChoice.MICROVM else _usable(source)
    if built is not None:
        say(f"{why}: starting User-Mode Linux {built.version}")
        return lambda task: uml.run(built.binary, task)
    if forced is KernelChoice.UML:
        which, option = (f" of {source}", f" --source {source}") if source else ("", "")
        raise LabError(f"no User-Mode Linux{which} is built: `{BUILD}{option}` builds it in about 5 minutes")
    say(f"{why}: booting a microVM, which takes about 15 s")
    if forced is None:
        say(f"`{BUILD}` builds a kernel that starts in a second and is five times as fast")
    return microvm.run


def _usable(source: str | None) -> cache.Built | None:
    built = cache.newest(source)
    if built is None:
        for path in cache.outdated():
            say(f"{path} was built with other settings: not used")
        return None
    if not built.runs:
        say(f"{built.binary} does not run on this machine: not used; remove it, and `{BUILD}` builds it anew")
        return None
    return built
