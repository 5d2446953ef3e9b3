"""Is this director itself fit to take traffic? Every no has its reason; no news is not bad news."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterlb.model.reason import Because, Reason

TOLERANCE = 3  # failures in a row of a reader before its silence counts against the director


@dataclass(frozen=True, slots=True)
class DirectorHealth:
    """What the director's own checks saw last.

    ``carrier`` per uplink (empty: not read yet); failures in a row of asking FRR and of reading IPVS,
    with the last error's text.
    """

    carrier: Mapping[str, bool] = field(default_factory=dict)
    frr_failures: int = 0
    frr_error: str = ""
    ipvs_failures: int = 0
    ipvs_error: str = ""


def unfit(health: DirectorHealth) -> Because | None:
    """Return why the director must not announce anything, or None when it may."""
    if health.carrier and not any(health.carrier.values()):
        names = ", ".join(sorted(health.carrier))
        return Because(
            Reason.NO_CARRIER,
            f"no uplink has carrier ({names}): check the cable, the switch port, `ip link`",
            {"uplinks": dict(health.carrier)},
        )
    if health.frr_failures >= TOLERANCE:
        return Because(
            Reason.FRR_SILENT,
            f"FRR has not answered {health.frr_failures} times in a row: {health.frr_error}",
            {"failures": health.frr_failures},
        )
    if health.ipvs_failures >= TOLERANCE:
        return Because(
            Reason.IPVS_UNREADABLE,
            f"IPVS could not be read {health.ipvs_failures} times in a row: {health.ipvs_error}",
            {"failures": health.ipvs_failures},
        )
    return None
