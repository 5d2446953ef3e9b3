"""Who of OSPF's neighbours carries this director's announcements: those on its uplinks."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from clusterlb.drivers.interface import BfdSession, OspfNeighbor


def on_uplinks(neighbors: Iterable[OspfNeighbor], uplinks: Collection[str]) -> tuple[OspfNeighbor, ...]:
    """Return the neighbours on these interfaces: FRR may have adjacencies of the operator's on others."""
    return tuple(each for each in neighbors if each.interface in uplinks)


def watched(neighbors: Iterable[OspfNeighbor], up: Collection[BfdSession]) -> int:
    """Return how many of these neighbours a BFD session that is up watches over.

    bfdd has sessions of other protocols and of the operator too; they say nothing of the way to the switch.
    """
    return sum(BfdSession(each.address, each.interface) in up for each in neighbors)
