"""Who uses the source ports of the addresses that this director translates to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from clusterlb.model.address import IPAddress, endpoint_text

_PROTOCOLS = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}


class AddressKind(Enum):
    """What an address of ours is for; the value is its name in metrics and JSON."""

    LOCAL = "local"
    SNAT = "snat"


class Remote(NamedTuple):
    """The far end of translated connections; towards each, every port of an address is used but once."""

    protocol: int
    address: IPAddress
    port: int

    def __str__(self) -> str:
        name = _PROTOCOLS.get(self.protocol, f"protocol {self.protocol}")
        return f"{name} {endpoint_text(self.address, self.port)}"


class AddressUse(NamedTuple):
    """One address: all its connections, and how many of them go to the remote that has the most.

    ``fullest`` is None, and ``used`` 0, without connections that have ports.
    """

    connections: int = 0
    used: int = 0
    fullest: Remote | None = None


@dataclass(frozen=True, slots=True)
class ConntrackFailures:
    """What nf_conntrack counted since the network namespace was made, all CPUs together.

    ``insert_failed``: connections whose tuple another one had; ``drop``: packets dropped because of that,
    or because the table was full; ``early_drop``: connections forgotten to make room for a new one.
    """

    insert_failed: int = 0
    drop: int = 0
    early_drop: int = 0
