"""Load the kernel's IPVS modules."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_MODULES = Path("/sys/module")
_LOADED = Path("/proc/modules")  # only a kernel that can load modules has it (kernel/module/procfs.c)
_SAFE_NAME = re.compile(r"[a-z0-9_]{1,15}")
_TIMEOUT = 30  # seconds

NO_IPVS = (
    "this kernel has no IPVS: it cannot be loaded ({reason}). On Debian the module is in the "
    "package linux-image-amd64; a kernel of your own needs CONFIG_IP_VS, CONFIG_IP_VS_IPV6 and "
    "CONFIG_IP_VS_MH. In a container the host's kernel must load it: run 'modprobe ip_vs' there"
)


def load(module: str) -> str:
    """Run modprobe; return the reason why the module is missing, empty when the module is loaded.

    modprobe does not run where the kernel loads no modules: all that such a kernel has is built in.
    """
    if not _LOADED.exists():
        return "this kernel loads no modules"
    try:
        done = subprocess.run(
            ["modprobe", "--", module], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except FileNotFoundError:
        return "there is no modprobe; install the package kmod"
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip() or f"modprobe exits with {done.returncode}" if done.returncode else ""


class SchedulerModules:
    """Load each scheduler's module before its first use.

    The kernel loads the module by itself (``ip_vs_scheduler_get``) if it may run modprobe; hardened kernels
    may not. A failure is not reported here: the scheduler may be built in, and otherwise the kernel's answer
    to the service names it.
    """

    def __init__(self, modules: Path = _MODULES) -> None:
        self._modules = modules
        self._seen: set[str] = {"", "none"}

    def ensure(self, scheduler: str) -> None:
        """Load a scheduler's module, once per name."""
        if scheduler in self._seen:
            return
        self._seen.add(scheduler)
        module = f"ip_vs_{scheduler}"
        if _SAFE_NAME.fullmatch(scheduler) and not (self._modules / module).exists():
            load(module)
