"""Who serves a SNAT pool, and on which lane each of its addresses belongs here.

An address is active at its owner and in standby at its backup, so replies go to whom they know, and the
backup has the address when the owner is gone. A director that leaves keeps its addresses active while they
have flows. What it stands by for goes to the drained lane: that is how the others see that it leaves, in the
link-state database and in both ways to announce, and give its buckets to others at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from types import MappingProxyType

from clusterlb.core.announce import NOWHERE, Decision
from clusterlb.core.fitness import OSPF
from clusterlb.core.marks import director_marks
from clusterlb.core.place import Surroundings
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.cluster_view import STALE, ClusterView
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because, Reason
from clusterlb.model.snat import Peer, SnatPool

NO_REASONS: Mapping[AddressFamily, Because] = MappingProxyType({})

SETTLE = STALE  # seconds in which every director that looks at all has seen that one leaves


@dataclass(frozen=True, slots=True)
class Seen:
    """The directors of a pool that get new flows, and those that can still be sent theirs."""

    serving: frozenset[str]
    alive: frozenset[str]


@dataclass(frozen=True, slots=True)
class Leaving:
    """A drain of this director: since when and, if it has one, until when, in the observations' clock.

    ``flows``: connections that live on its addresses, None when nobody knows.
    """

    since: float
    why: str
    flows: int | None = None
    deadline: float | None = None

    def why_not_leave(self, now: float) -> str:
        """Return why its addresses stay for now, an empty text when they may go."""
        if self.deadline is not None and now >= self.deadline:
            return ""
        if now - self.since < SETTLE:
            return "the others are about to see that it leaves"
        if self.flows is None:
            return "nobody knows whether they have flows"
        return f"{self.flows} flows live on them" if self.flows else ""


def look(pool: SnatPool, family: AddressFamily, inventory: Inventory, view: ClusterView) -> Seen:
    """Return what the link-state database says about a pool's directors.

    Who can be sent nothing, for want of an ``inside`` address of the family, counts as absent.
    """
    serving, alive = set(), set()
    for name in pool.addresses:
        director = inventory.directors[name]
        lanes = {address: _lane(view, address, director.router_id) for _, address in _all(pool)}
        own = pool.addresses_of(name, family)
        if any(lanes[address] is Lane.ACTIVE for address in own) and inside_address(director, family):
            alive.add(name)
            if Lane.DRAINED not in lanes.values():
                serving.add(name)
    return Seen(frozenset(serving), frozenset(alive))


def inside_address(director: Director, family: AddressFamily) -> IPAddress | None:
    """Return a director's inside address of one family, None when it has none."""
    return next((address for address in director.inside if family_of(address) is family), None)


def peers(inventory: Inventory, director: Director, alive: frozenset[str]) -> frozenset[Peer]:
    """Return the peers that flows can be sent to: of the directors alive all but this one."""
    numbers = director_marks(inventory.directors)
    return frozenset(
        Peer(numbers[name], address)
        for name in alive - {director.name}
        for family in inventory.snat_families
        if (address := inside_address(inventory.directors[name], family)) is not None
    )


def decide_addresses(
    inventory: Inventory,
    director: Director,
    around: Surroundings,
    *,
    unfit: Mapping[AddressFamily, Because] = NO_REASONS,
    loaded: bool = True,
    leaving: Leaving | None = None,
) -> dict[IPAddress, Decision]:
    """Decide each SNAT address that this director owns or stands by for.

    ``loaded``: its rules are in force. Without them a reply would be nobody's.
    """
    found = {}
    for pool in inventory.snat_pools.values():
        for address in pool.kept_by(director.name):
            owner = pool.owner(address)
            why = unfit.get(family_of(address))
            found[address] = _decide(address, owner, director, around, why, loaded, leaving)
    return found


def _decide(
    address: IPAddress,
    owner: str,
    director: Director,
    around: Surroundings,
    unfit: Because | None,
    loaded: bool,
    leaving: Leaving | None,
) -> Decision:
    if unfit is not None:
        return Decision(NOWHERE, Because(Reason.DIRECTOR_UNFIT, unfit.text, unfit.facts))
    if not loaded:
        return Decision(NOWHERE, Because(Reason.NOT_PROGRAMMED, "the SNAT rules are not in force"))
    if not around.heard(address):
        text = f"no {OSPF[family_of(address)][0]} neighbour is Full yet"
        return Decision(NOWHERE, Because(Reason.NOT_ADJACENT, text))
    if around.mine(address) is None and not around.knows():
        # live flows would come here, and be taken for new ones
        text = "the link-state database does not say yet which directors have flows"
        return Decision(NOWHERE, Because(Reason.NOT_ADJACENT, text))
    mine = owner == director.name
    if leaving is not None:
        why_not = leaving.why_not_leave(around.now)
        # a controller that begins while its director is drained takes nothing back
        if not why_not or (around.mine(address) is None and not leaving.flows):
            return Decision(NOWHERE, Because(Reason.DRAINED, leaving.why, {"flows": leaving.flows}))
        because = Because(Reason.DRAINING, f"{leaving.why}; {why_not}", {"flows": leaving.flows})
        return Decision(frozenset({Lane.ACTIVE if mine else Lane.DRAINED}), because)
    if mine:
        return Decision(frozenset({Lane.ACTIVE}), Because(Reason.SNAT_ADDRESS, "this director's own"))
    return Decision(frozenset({Lane.STANDBY}), Because(Reason.STANDBY, f"the backup of {owner}"))


def _all(pool: SnatPool) -> Iterator[tuple[str, IPAddress]]:
    for owner, addresses in pool.addresses.items():
        for address in addresses:
            yield owner, address


def _lane(view: ClusterView, address: IPAddress, router: IPv4Address) -> Lane | None:
    found = (one for one in view.announcements.get(address, ()) if one.alive and one.router_id == router)
    return next((one.lane for one in found), None)
