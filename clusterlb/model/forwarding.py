"""How packets reach a member."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from clusterlb.model.ipvs import TunnelFlag, TunnelType


class Forwarding(Enum):
    """How packets reach a member; ``fullnat`` is ``nat`` with the client's address translated, too."""

    DR = "dr"
    TUN = "tun"
    NAT = "nat"
    FULLNAT = "fullnat"

    @property
    def translates(self) -> bool:
        """Say whether the destination is rewritten, so that replies must pass a director."""
        return self in (Forwarding.NAT, Forwarding.FULLNAT)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The encapsulation of ``tun``. ``port``: GUE's UDP port, 0 with others; ``checksum``: of GUE and GRE."""

    type: TunnelType = TunnelType.IPIP
    port: int = 0
    checksum: TunnelFlag = TunnelFlag.NOCSUM


IPIP = Tunnel()


class PortRange(NamedTuple):
    """Ports from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
