"""When may an announcement change again?

A switch drops a second instance of the same LSA that arrives within its MinLSArrival (RFC 2328,
section 13, step 5a; 1 s by default), without a word, and the sender retries only after
RxmtInterval. All intra-area VIPs of a director and a family share one LSA, each external VIP has its own.
So the first change of an LSA goes out at once, and what follows is held until the pace has passed, then sent
as one: the last state wins.
"""

from __future__ import annotations

from collections.abc import Collection

from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.ospf import AnnounceMode, AnnounceModes, Lane
from clusterlb.model.plan import Announce, Plan, Withdraw, is_tidying

Lsa = AddressFamily | IPAddress  # what a VIP is announced in: its family's own LSA, or one to itself

CHANGES_LSA = (Announce, Withdraw)


def lsa(vip: IPAddress, modes: AnnounceModes) -> Lsa:
    """Return the LSA that a VIP is announced in."""
    family = family_of(vip)
    return vip if modes.of(family) is AnnounceMode.EXTERNAL else family


def ready_at(last_change: float | None, pace: float) -> float:
    """Return the earliest time (seconds, same clock) at which an LSA may change."""
    return float("-inf") if last_change is None else last_change + pace


def changed_vips(plan: Plan) -> set[IPAddress]:
    """Return the VIPs whose announcements a plan changes."""
    return {step.vip for step in plan if isinstance(step, CHANGES_LSA)}


def announced_vips(plan: Plan) -> set[IPAddress]:
    """Return the VIPs that a plan puts on the active lane."""
    return {step.vip for step in plan if isinstance(step, Announce) and step.lane is Lane.ACTIVE}


def hold(plan: Plan, held: Collection[IPAddress]) -> tuple[Plan, Plan]:
    """Split a plan into what may be done now, and what must wait with the announcements that are held."""
    if not held:
        return plan, ()
    later = tuple(
        step
        for step in plan
        # what tidies waits with the withdrawal that has to come before it
        if is_tidying(step) or (isinstance(step, CHANGES_LSA) and step.vip in held)
    )
    waiting = {id(step) for step in later}
    return tuple(step for step in plan if id(step) not in waiting), later
