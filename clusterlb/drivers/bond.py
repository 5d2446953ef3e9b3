"""Bonded links, read from sysfs (Documentation/networking/bonding.rst)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_CLASS = Path("/sys/class/net")


@dataclass(frozen=True, slots=True)
class Bond:
    """The links of a bond by name; the value says whether the link has carrier."""

    carrier: dict[str, bool]

    @property
    def up(self) -> int:
        """Return the number of links with carrier."""
        return sum(self.carrier.values())


def bond_of(interface: str, root: Path = _CLASS) -> Bond | None:
    """Return the bond that an interface is, or that a VLAN interface is on; None for other interfaces.

    The kernel shows a VLAN's link as ``lower_NAME`` (net/core/dev.c, netdev_adjacent_sysfs_add).
    """
    link = root / interface
    for folder in (link, *sorted(link.glob("lower_*"))):
        slaves = folder / "bonding" / "slaves"
        if slaves.is_file():
            return Bond({name: _carrier(root / name) for name in slaves.read_text().split()})
    return None


def _carrier(folder: Path) -> bool:
    try:
        return (folder / "carrier").read_text().strip() == "1"
    except OSError:  # EINVAL: the link is down (net-sysfs.c, carrier_show)
        return False
