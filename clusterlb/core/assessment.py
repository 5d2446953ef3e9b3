"""How members, pools and VIPs stand, given everything that is known; each table is worked out once.

A cycle works out anew what may have changed and takes the rest from the assessment before, so that one
member's change costs what that member's pool and VIPs cost and nothing that grows with the inventory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from clusterlb.core.announce import Decision, decide, is_inside
from clusterlb.core.known import Known
from clusterlb.core.member import MemberState
from clusterlb.core.place import place
from clusterlb.core.quorum import Standing
from clusterlb.core.stand import stand
from clusterlb.model.address import IPAddress, family_of
from clusterlb.model.inventory import Director, Inventory, Vip
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because, Reason


@dataclass(frozen=True, slots=True)
class Assessment:
    """What follows from what is known; the desired state, the status and the metrics read it alike.

    ``members``: by pool, the judgements on its members, in its order. ``standings``: by pool. ``decided``: by
    VIP, and by address of the director's own.
    """

    members: Mapping[str, tuple[MemberState, ...]] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    decided: Mapping[IPAddress, Decision] = field(default_factory=dict)

    def grows_at(self, pools: Collection[str]) -> float | None:
        """Return when the next member of these pools gets more weight by itself, None when none will."""
        times = (state.grows_at for name in pools for state in self.members[name])
        return min((time for time in times if time is not None), default=None)

    def only(self, pools: Collection[str], vips: Collection[IPAddress]) -> Assessment:
        """Return what it says of these."""
        return Assessment(
            {name: found for name, found in self.members.items() if name in pools},
            {name: found for name, found in self.standings.items() if name in pools},
            {vip: found for vip, found in self.decided.items() if vip in vips},
        )


def judged(inventory: Inventory, known: Known, before: Assessment, pools: Collection[str]) -> Assessment:
    """Return the assessment with the members of these pools judged anew."""
    anew = {name: known.states(inventory.pools[name]) for name in pools}
    return replace(before, members={**before.members, **anew})


def assess(
    inventory: Inventory,
    known: Known,
    before: Assessment,
    pools: Collection[str],
    vips: Collection[IPAddress],
) -> Assessment:
    """Return the assessment after ``before``, with these pools and VIPs worked out anew from its members.

    Of the addresses in ``vips`` those that are neither VIPs of the inventory nor the director's own go.
    """
    standings = {**before.standings, **stand(inventory, pools, known, before.members, before.standings)}
    decided = dict(before.decided)
    for vip in sorted(vips, key=str):
        if vip in known.own:
            decided[vip] = known.own[vip]
        elif vip in inventory.vips:
            decided[vip] = _decide(inventory.vips[vip], inventory, known, standings)
        else:
            decided.pop(vip, None)
    return Assessment(before.members, standings, decided)


def local_decisions(inventory: Inventory, director: Director) -> dict[IPAddress, Decision]:
    """Return a decision for each local address that is ours to announce: those inside the VIP prefixes.

    It is announced as long as the controller is not taken down, drained or unfit or not: replies to flows
    that exist go there.
    """
    because = Because(Reason.LOCAL_ADDRESS, "a source address of full NAT")
    return {
        address: Decision(frozenset({Lane.ACTIVE}), because)
        for address in director.local_addresses
        if is_inside(address, inventory.cluster.vip_prefixes)
    }


def _decide(vip: Vip, inventory: Inventory, known: Known, standings: Mapping[str, Standing]) -> Decision:
    """Decide one VIP: may this director serve it, and if so, in which lane?"""
    fit = decide(
        vip,
        inventory.pools,
        standings,
        prefixes=inventory.cluster.vip_prefixes,
        director_unfit=known.director_unfit.get(family_of(vip.address)),
        unprogrammed=known.unprogrammed.get(vip.address, ""),
        withheld=known.withheld.get(vip.address),
        absent=known.absent,
        announced=known.announces(vip.address),
    )
    return place(vip, inventory, fit, known.around) if fit.lanes and known.around is not None else fit
