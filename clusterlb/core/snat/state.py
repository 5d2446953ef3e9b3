"""What SNAT pools add to the desired state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterlb.core.announce import Decision
from clusterlb.core.nft.part import Part
from clusterlb.model.address import IPAddress
from clusterlb.model.snat import Peer


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
