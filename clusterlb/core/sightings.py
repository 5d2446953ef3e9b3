"""What directors tell each other of anchored flows, and how one director's anchors follow from that.

The last word on a flow stands, whoever says it: each director hears the same words, in any order and perhaps
twice, and comes to the same anchors. A flow's last word is from the director that its packets come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from clusterlb.core.anchors import GRACE, MOST
from clusterlb.core.finder import ServiceFinder
from clusterlb.model.anchor import Anchor, Anchors, Binding, Sighting
from clusterlb.model.flow import Flow

REMEMBERED = 3600.0
"""Seconds for which a flow's end is remembered, so that an older word does not bring its anchor back."""

_NEVER = float("-inf")


class Merged(NamedTuple):
    """What follows: the anchors, when flows were over, and how many sightings are of no use here.

    Those are of services or members that are not in the inventory here, and those for which there is no room.
    """

    anchors: dict[Flow, Anchor]
    over: dict[Flow, float]
    unusable: int


def merged(
    before: Anchors,
    over: Mapping[Flow, float],
    seen: Iterable[Sighting],
    finder: ServiceFinder,
    *,
    now: float,
    memory: float,
    stands: Callable[[Binding], bool],
) -> Merged:
    """Return what follows from sightings of peers.

    What lies further back than ``memory`` counts no more, and nothing is later than ``now``. Anchors take no
    more than MOST places, and the ends of flows as many: what there is stays.
    """
    after, ends, unusable = dict(before), dict(over), 0
    standing: dict[Binding, bool] = {}
    for flow, destination, when in seen:
        at = min(when, now)
        there = after.get(flow)
        if destination is None:
            if now - at >= REMEMBERED:
                continue  # who hears of a flow's life after this would not know of the end, either
            if there is not None and at >= there.heard - GRACE:
                del after[flow]
            if flow in ends or len(ends) < MOST:
                ends[flow] = max(at, ends.get(flow, _NEVER))
            continue
        service = finder.service_of(flow)
        binding = Binding(service, destination) if service is not None else None
        if binding is not None and binding not in standing:
            standing[binding] = stands(binding)
        if binding is None or not standing[binding] or (there is None and len(after) >= MOST):
            unusable += 1
        elif (
            now - at < memory
            and at > ends.get(flow, _NEVER) + GRACE
            and (there is None or _stands_over(at, binding, there))
        ):
            after[flow] = Anchor(binding, at)
    return Merged(after, remembered(ends, now), unusable)


def remembered(over: Mapping[Flow, float], now: float) -> dict[Flow, float]:
    """Return the ends of flows that are still remembered."""
    return {flow: at for flow, at in over.items() if now - at < REMEMBERED}


def worth_telling(sighting: Sighting, told: Sighting | None, memory: float) -> bool:
    """Say whether peers are to hear of a sighting, given the last one of the flow that was told.

    That a flow still lives is told three times in the time for which a silent one is remembered.
    """
    if told is None or sighting.destination != told.destination:
        return True
    return sighting.destination is not None and sighting.at - told.at >= memory / 3


def _stands_over(at: float, binding: Binding, there: Anchor) -> bool:
    """Say whether a word replaces an anchor; of two at the same time the same one stands everywhere."""
    if at == there.heard:
        return str(binding) > str(there.binding)
    return at > there.heard
