"""How pools stand, and how they are taken to stand before their checks have spoken.

The law of a start, and of a reload that brings checks: no news changes nothing. What the kernel and the
lanes hold was made by verdicts, and stays until there are new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from clusterlb.core.known import Known
from clusterlb.core.member import MemberState
from clusterlb.core.programme import destination_key
from clusterlb.core.quorum import Standing, as_found, standing
from clusterlb.model.check import VerdictState
from clusterlb.model.health import CheckKey
from clusterlb.model.inventory import Inventory, OnDown


def stand(
    inventory: Inventory,
    names: Collection[str],
    known: Known,
    members: Mapping[str, tuple[MemberState, ...]],
    before: Mapping[str, Standing],
) -> dict[str, Standing]:
    """Return how these pools stand, given how they stood; those that nobody has judged, as they are found.

    ``members``: the judgements on each pool's members.
    """
    if unjudged := {name for name in names if name not in before}:
        before = {**before, **adopted(inventory, unjudged, known)}
    return {name: standing(inventory.pools[name], members[name], before[name]) for name in names}


def adopted(inventory: Inventory, names: Collection[str], known: Known) -> dict[str, Standing]:
    """Return how pools are taken to stand that nobody has judged yet: as the kernel and the lanes say.

    A sorry server that takes connections says that its pool is not fit. A VIP that is announced says that its
    pools are; so does a member that takes connections where a sorry server would take them else.
    """
    served: set[str] = set()
    resorted: set[str] = set()
    for vip in inventory.vips.values():
        for service in vip.services:
            if service.pool in names:
                last = inventory.pools[service.pool].sorry
                have = known.services.get(service.key(vip.address))
                used = {d.key for d in have.destinations if d.weight} if have else set()
                if last is not None and destination_key(service, last) in used:
                    resorted.add(service.pool)
                elif known.announces(vip.address) or (last is not None and used):
                    served.add(service.pool)
    return {
        name: as_found(inventory.pools[name], fit=name in served, sorry=name in resorted) for name in names
    }


def unheard(inventory: Inventory, known: Known) -> Iterator[CheckKey]:
    """Yield the checks without a verdict whose ``initial`` one does not count, as verdicts made the table.

    ``initial`` speaks for members that the kernel does not have. One that it does not have may be DOWN where
    such members are removed.
    """
    for vip in inventory.vips.values():
        for service in vip.services:
            have = known.services.get(service.key(vip.address))
            if have is None:
                continue
            pool = inventory.pools[service.pool]
            there = {d.key for d in have.destinations}
            for member in pool.members:
                if destination_key(service, member) in there or pool.on_down is OnDown.REMOVE:
                    for key in (k for keys in known.roster.checks[pool.name, member.endpoint] for k in keys):
                        if key.check.initial is not VerdictState.UNKNOWN and key not in known.verdicts:
                            yield key
