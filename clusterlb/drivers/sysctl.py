"""Kernel settings under /proc/sys of this network namespace."""

from __future__ import annotations

import stat
from collections.abc import Collection
from errno import EINVAL, ERANGE, EROFS
from pathlib import Path

from clusterlb.drivers.interface import DriverError

_PROC_SYS = Path("/proc/sys")
_MODULES = {
    "net/ipv4/vs/": "ip_vs",
    "net/netfilter/nf_conntrack": "nf_conntrack",
    "net/bridge/": "br_netfilter",
}


class KernelSysctl:
    """Reads and writes settings by names with slashes, such as ``net/ipv4/vs/sloppy_tcp``.

    Names have slashes because an interface's name may have a dot. ``/proc/sys/net`` shows the network
    namespace of the thread that opens it.
    """

    def __init__(self, root: Path = _PROC_SYS) -> None:
        self._root = root

    def read(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the names that exist, columns separated by one space.

        Raises DriverError when one exists and cannot be read.
        """
        found = {}
        for name in names:
            try:
                found[name] = " ".join(self._path(name).read_text(encoding="ascii").split())
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise DriverError(f"cannot read sysctl {name}: {error}") from error
        return found

    def read_settable(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the names that exist and have a write bit.

        The limits of connection tracking are the whole host's, and read-only in network namespaces other than
        the first (nf_conntrack_standalone.c).
        """
        return self.read([name for name in names if self._settable(name)])

    def _settable(self, name: str) -> bool:
        try:
            return bool(self._path(name).stat().st_mode & stat.S_IWUSR)
        except OSError:
            return False

    def write(self, name: str, value: str) -> None:
        """Set one value; DriverError when the name does not exist, is read-only, or refuses the value."""
        path = self._path(name)
        try:
            # Not write_text: it would create a missing file where the root is not /proc/sys.
            with path.open("r+", encoding="ascii") as file:
                file.write(f"{value}\n")
        except FileNotFoundError as error:
            raise DriverError(f"cannot set sysctl {name}: it does not exist{_hint(name)}") from error
        except PermissionError as error:
            raise DriverError(
                f"cannot set sysctl {name}: permission denied; run as root with CAP_NET_ADMIN"
            ) from error
        except OSError as error:
            if error.errno == EROFS:
                raise DriverError(
                    f"cannot set sysctl {name}: /proc/sys is mounted read-only; in a container, give it "
                    "write access to /proc/sys/net or set the value on the host"
                ) from error
            if error.errno in (EINVAL, ERANGE):
                raise DriverError(
                    f"cannot set sysctl {name}: the kernel refuses the value {value!r}"
                ) from error
            raise DriverError(f"cannot set sysctl {name}: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if not all(parts) or ".." in parts:
            raise DriverError(f"{name!r} is not the name of a sysctl; write it like net/ipv4/ip_forward")
        return self._root.joinpath(*parts)


def _hint(name: str) -> str:
    for prefix, module in _MODULES.items():
        if name.startswith(prefix):
            return (
                f"; the module {module} is not loaded (modprobe {module}), or this kernel is too old for it"
            )
    return " in this kernel, or its interface does not exist"
