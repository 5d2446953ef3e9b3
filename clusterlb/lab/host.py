"""The host of the lab: its Debian packages, its kernel's IPVS, and the modules that an inventory needs."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from clusterlb.drivers.ipvs.modules import load
from clusterlb.lab.netns import CLONE_NEWNET
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory
from clusterlb.model.ipvs import TunnelType

_TABLE = Path("/proc/net/ip_vs")
TOOLS = (
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ipvsadm", "ipvsadm"),
    ("vtysh", "frr"),
    ("/usr/lib/frr/ospfd", "frr"),
    ("/usr/lib/frr/frr-reload.py", "frr-pythontools"),
)
_TUNNELS = {
    TunnelType.IPIP: ("ipip", "sit", "ip6_tunnel"),
    TunnelType.GUE: ("ipip", "sit", "ip6_tunnel", "fou", "fou6"),
    TunnelType.GRE: ("ip_gre", "ip6_gre"),
}
_TRANSLATION = ("nf_tables", "nf_conntrack", "nft_chain_nat")


def load_modules(inventory: Inventory) -> None:
    """Load the modules, once, before namespaces exist; the first use of a missing one fails and says so."""
    for name in modules(inventory):
        load(name)


def modules(inventory: Inventory) -> tuple[str, ...]:
    """Return the names of the kernel modules that an inventory needs."""
    found = ["ip_vs", "dummy"]
    for _, service, member, method in inventory.uses():
        found.append(f"ip_vs_{service.scheduler}")
        if method is Forwarding.TUN:
            found += _TUNNELS[(member.tunnel or service.tunnel).type]
        elif method is Forwarding.FULLNAT:
            found += _TRANSLATION
    return tuple(dict.fromkeys([*found, *(_TRANSLATION if inventory.snat_pools else ())]))


def missing_packages(tools: Iterable[tuple[str, str]] = TOOLS) -> list[str]:
    """Return the Debian packages that bring ``tools`` and that this host lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return sorted({package for tool, package in tools if shutil.which(tool, path=path) is None})


def has_ipvs() -> bool:
    """Say whether this kernel has IPVS and dummy interfaces; load their modules if they exist."""
    if not _TABLE.exists():
        _quietly(["modprobe", "ip_vs"])
    return _TABLE.exists() and _makes_dummy()


def _makes_dummy() -> bool:
    """Try in a child's own network namespace, which ends with the child."""
    _quietly(["modprobe", "dummy", "numdummies=0"])
    pid = os.fork()
    if pid == 0:
        if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
            os._exit(1)
        os._exit(_quietly(["ip", "link", "add", "probe", "type", "dummy"]))
    _, status = os.waitpid(pid, 0)
    return status == 0


def _quietly(argv: list[str]) -> int:
    try:
        return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode
    except (OSError, subprocess.TimeoutExpired):
        return 1
