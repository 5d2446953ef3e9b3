"""Who announces what, as one director reads it from its link-state database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address

from clusterlb.model.address import IPAddress
from clusterlb.model.ospf import Lane


@dataclass(frozen=True, slots=True)
class Announcement:
    """One router's announcement of one VIP.

    ``lane``: the lane with this cost, None when no lane has it. ``external``: by an AS-external or NSSA LSA.
    ``alive``: OSPF can reach the router; a crashed one's LSA stays in the database for up to an hour.
    ``age``: seconds since its router last originated the LSA.
    """

    router_id: IPv4Address
    vip: IPAddress
    lane: Lane | None
    cost: int
    external: bool
    alive: bool
    age: float


STALE = 15.0  # seconds after which a look at the link-state database is no evidence any more


class FindingKind(Enum):
    """What can be wrong with the announcements; the value is its stable name in metrics and JSON."""

    ISOLATED = "isolated"
    UNKNOWN_COST = "unknown-cost"
    MIXED_TYPES = "mixed-lsa-types"
    UNEQUAL_PORT_COSTS = "unequal-port-costs"


@dataclass(frozen=True, slots=True)
class ClusterFinding:
    """Something wrong with the announcements, and its facts, in words an operator can act on."""

    kind: FindingKind
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.text}"


@dataclass(frozen=True, slots=True)
class ClusterView:
    """Every announced VIP with its announcements, in order of router id, as of ``taken_at``.

    While a finding says that we are isolated, the database is no evidence of what the others do.
    """

    announcements: Mapping[IPAddress, tuple[Announcement, ...]]
    taken_at: float
    own_router_id: IPv4Address
    warnings: tuple[ClusterFinding, ...] = ()

    def is_evidence(self, now: float) -> bool:
        """Say whether it tells what the others do: it is fresh, and not an isolated router's."""
        isolated = any(finding.kind is FindingKind.ISOLATED for finding in self.warnings)
        return now - self.taken_at <= STALE and not isolated
