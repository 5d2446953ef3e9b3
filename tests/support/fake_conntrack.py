"""Connection tracking without a kernel; a test sets the connections."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from clusterlb.drivers.interface import DriverError
from clusterlb.model.address import IPAddress
from clusterlb.model.port_use import AddressUse, ConntrackFailures


@dataclass(slots=True)
class FakeConntrack:
    """An in-memory ConntrackDriver; all connections are live. ``broken``: the DriverError to raise."""

    uses: dict[IPAddress, AddressUse] = field(default_factory=dict)
    failed: ConntrackFailures = field(default_factory=ConntrackFailures)
    broken: str = ""
    reads: int = 0

    def port_use(self, addresses: Collection[IPAddress]) -> dict[IPAddress, AddressUse]:
        """Return ``uses``, and zeros for other addresses."""
        self._check()
        self.reads += 1
        return {address: self.uses.get(address, AddressUse()) for address in addresses}

    def flows_of(self, addresses: Collection[IPAddress]) -> int:
        """Return the sum of the connections in ``uses``."""
        self._check()
        return sum(self.uses.get(address, AddressUse()).connections for address in addresses)

    def failures(self) -> ConntrackFailures:
        """Return ``failed``."""
        self._check()
        return self.failed

    def _check(self) -> None:
        if self.broken:
            raise DriverError(self.broken)
