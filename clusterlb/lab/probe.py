"""Find out what the running kernel can do."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

_CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
_TABLE = Path("/proc/net/ip_vs")


_TOOLS = (
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ipvsadm", "ipvsadm"),
    ("vtysh", "frr"),
    ("/usr/lib/frr/ospfd", "frr"),
    ("/usr/lib/frr/frr-reload.py", "frr-pythontools"),
)


def missing_packages() -> list[str]:
    """Return the Debian packages that the lab needs and this machine lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return sorted({package for tool, package in _TOOLS if shutil.which(tool, path=path) is None})


def has_ipvs() -> bool:
    """Say whether this kernel has IPVS and dummy interfaces, loading their modules where it can."""
    return _loaded_ipvs() and _makes_dummy()


def _loaded_ipvs() -> bool:
    if not _TABLE.exists():
        _quietly(["modprobe", "ip_vs"])
    return _TABLE.exists()


def _makes_dummy() -> bool:
    """Try in a network namespace of a child's own, which goes with it."""
    _quietly(["modprobe", "dummy", "numdummies=0"])
    pid = os.fork()
    if pid == 0:
        if ctypes.CDLL(None).unshare(_CLONE_NEWNET) != 0:
            os._exit(1)
        os._exit(_quietly(["ip", "link", "add", "probe", "type", "dummy"]))
    _, status = os.waitpid(pid, 0)
    return status == 0


def _quietly(argv: list[str]) -> int:
    try:
        return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode
    except (OSError, subprocess.TimeoutExpired):
        return 1
