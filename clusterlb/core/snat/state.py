"""What SNAT pools add to the desired state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from clusterlb.core.announce import Decision
from clusterlb.core.nft.part import Part
from clusterlb.model.address import IPAddress
from clusterlb.model.snat import Peer
from clusterlb.model.state import FrrLine

ORIGINATE = "default-information originate"
"""How the FRR lines begin that make a director the default route of the inside."""


@dataclass(frozen=True, slots=True)
class SnatState:
    """A part of the rules, the decisions on SNAT addresses, and the peers that flows can be sent to.

    ``gateway``: this director is to be the default route of the inside, where the inventory asks for one.
    """

    part: Part = field(default_factory=Part)
    own: Mapping[IPAddress, Decision] = field(default_factory=dict)
    peers: frozenset[Peer] = frozenset()
    gateway: bool = False


NO_SNAT = SnatState()


def is_gateway(line: FrrLine) -> bool:
    """Say whether a line makes FRR announce the default route."""
    return line.text.startswith(ORIGINATE)


def without_gateway(lines: Iterable[FrrLine]) -> tuple[FrrLine, ...]:
    """Return the lines of a director that is not the default route: it drains, or is unfit."""
    return tuple(line for line in lines if not is_gateway(line))
