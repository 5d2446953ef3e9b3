"""Does a new inventory take away so much that somebody should say that it is meant?

A file that was written half, a copy that ended early or a wrong branch is a good inventory of a smaller
cluster, and taking it over withdraws the rest.
"""

from __future__ import annotations

from collections.abc import Collection

from clusterlb.core.served import served
from clusterlb.model.inventory import Inventory

SHOWN = 5


def too_much(before: Inventory, after: Inventory) -> str:
    """Return what ``after`` removes if it is more than ``cluster.max_removed`` of ``before``, or nothing."""
    limit = before.cluster.max_removed
    lost = (
        _lost("VIPs", before.vips, after.vips, limit),
        _lost("services", served(before), served(after), limit),
        _lost("members", _members(before), _members(after), limit),
    )
    said = "; ".join(text for text in lost if text)
    if not said:
        return ""
    bound = f"more than cluster.max_removed ({limit}%)"
    return f"it removes {said}: {bound}. If that is meant: clusterlb reload --yes"


def _lost(what: str, before: Collection[object], after: Collection[object], limit: int) -> str:
    kept = set(after)
    gone = [each for each in before if each not in kept]
    if len(gone) * 100 <= limit * len(before):
        return ""
    names = ", ".join(map(str, gone[:SHOWN])) + (f" and {len(gone) - SHOWN} more" if gone[SHOWN:] else "")
    return f"{len(gone)} of {len(before)} {what} ({names})"


def _members(inventory: Inventory) -> list[object]:
    used = {service.pool for vip in inventory.vips.values() for service in vip.services}
    pools = (pool for pool in inventory.pools.values() if pool.name in used)
    return list(dict.fromkeys(member.endpoint for pool in pools for member in pool.members))
