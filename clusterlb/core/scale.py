"""Which directors serve a VIP when there are more than the switch has paths for.

The law, for a VIP with places for ``width`` active announcers and a fixed order of directors:

- a director that joins announces in the standby lane first: it sees the others before it takes a place;
- one that is active stays so while there are places; of too many, the last in the order step back;
- one that is not becomes active while there are free places and no standby before it in the order;
- with ``preempt`` the first ``width`` alive in the order are the active ones, whoever was there first.

Every director decides for itself from the link-state database. Two that look at different moments may both
take the last place, or both leave theirs; the next look, at most a refresh later, mends that: the law has one
fixed point for every set of live directors that does not change, and every step leads towards it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address

from clusterlb.model.ospf import Lane


def lane(
    own: IPv4Address,
    mine: Lane | None,
    others: Mapping[IPv4Address, Lane],
    order: Sequence[IPv4Address],
    width: int,
    *,
    preempt: bool,
) -> Lane:
    """Return the lane, active or standby, for director ``own`` that announces in lane ``mine`` now.

    ``others`` are the other live announcers and their lanes; those that are drained take no part. A director
    that ``order`` does not name comes after those it names, by its router id.
    """
    rank = {router: number for number, router in enumerate(order)}

    def place(router: IPv4Address) -> tuple[int, int]:
        return rank.get(router, len(rank)), int(router)

    active = sorted((r for r, where in others.items() if where is Lane.ACTIVE), key=place)
    standby = sorted((r for r, where in others.items() if where is Lane.STANDBY), key=place)
    if mine not in (Lane.ACTIVE, Lane.STANDBY):
        return Lane.STANDBY
    if preempt:
        return Lane.ACTIVE if sorted([*active, *standby, own], key=place).index(own) < width else Lane.STANDBY
    if mine is Lane.ACTIVE:
        return Lane.ACTIVE if sorted([*active, own], key=place).index(own) < width else Lane.STANDBY
    before = sorted([*standby, own], key=place).index(own)
    return Lane.ACTIVE if before < width - len(active) else Lane.STANDBY
