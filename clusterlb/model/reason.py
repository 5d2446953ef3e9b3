"""Why something is so: the same object in the log, in ``explain``, in the metric and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Reason(Enum):
    """Every yes and every no has one; the value is its stable name in metrics and JSON."""

    FIT = "fit"
    ADOPTED = "adopted"
    POOL_BELOW_QUORUM = "pool-below-quorum"
    POOL_UNDECIDED = "pool-undecided"
    NOT_PROGRAMMED = "not-programmed"
    DIRECTOR_UNFIT = "director-unfit"
    OUTSIDE_PREFIXES = "outside-prefixes"
    NO_CARRIER = "no-carrier"
    FRR_SILENT = "frr-silent"
    IPVS_UNREADABLE = "ipvs-unreadable"
    SORRY = "sorry"
    STANDBY = "standby"
    DRAIN_WAITS = "drain-waits"
    DRAINING = "draining"
    DRAINED = "drained"
    NOT_ADJACENT = "not-adjacent"
    TOO_FEW_ANNOUNCERS = "too-few-announcers"
    ECMP_CHANGING = "ecmp-changing"
    OSPF_NOT_FULL = "ospf-not-full"
    BFD_DOWN = "bfd-down"
    CONNTRACK_FULL = "conntrack-full"
    CONNECTIONS_FULL = "connections-full"
    DESCRIPTORS_LOW = "descriptors-low"
    CHECK_FAILED = "check-failed"
    LOCAL_ADDRESS = "local-address"
    NO_LOCAL_ADDRESS = "no-local-address"
    SNAT_ADDRESS = "snat-address"
    JOINING = "joining"
    TABLE_DIFFERS = "table-differs"


@dataclass(frozen=True, slots=True)
class Because:
    """A reason and its facts, in words an operator can act on."""

    reason: Reason
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.text}"
