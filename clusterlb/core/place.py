"""The lane of a VIP that this director can serve: what the others do, and what operators intend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from clusterlb.core import drain, scale
from clusterlb.core.announce import NOWHERE, Decision
from clusterlb.core.drain import Progress
from clusterlb.core.fitness import OSPF
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.cluster_view import ClusterView
from clusterlb.model.intent import Drain
from clusterlb.model.inventory import Inventory, Vip, Vrrp
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because, Reason

QUIET = 2.5  # seconds without a packet that mean that flows have moved; counters move every 2 s (ip_vs_est.c)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known at ``now``, in seconds of the observations' clock, beside the director's own fitness.

    ``order``: the directors' router ids in the inventory's order. ``announced``: what sits on which lanes.
    ``drains``: the intents that stand, by VIP; None is the whole director. ``adjacent``: the families whose
    announcements are heard, for some neighbour of OSPFv2 or OSPFv3 is Full. ``progress``: by VIP.
    ``masters``: the VIPs that VRRP has elected this director for.
    """

    own: IPv4Address
    now: float
    view: ClusterView | None = None
    announced: Mapping[IPAddress, frozenset[Lane]] = field(default_factory=dict)
    drains: Mapping[IPAddress | None, Drain] = field(default_factory=dict)
    adjacent: frozenset[AddressFamily] = frozenset(AddressFamily)
    progress: Mapping[IPAddress, Progress] = field(default_factory=dict)
    masters: frozenset[IPAddress] = frozenset()

    def knows(self) -> bool:
        """Say whether the link-state database is evidence: fresh, and not that of an isolated router."""
        return self.view is not None and self.view.is_evidence(self.now)

    def others(self, vip: IPAddress) -> dict[IPv4Address, Lane]:
        """Return the other live announcers of a VIP, each with its lane."""
        seen = self.view.announcements.get(vip, ()) if self.view is not None else ()
        return {
            one.router_id: one.lane for one in seen if one.alive and one.lane and one.router_id != self.own
        }

    def lanes_of_all(self) -> dict[IPv4Address, set[Lane]]:
        """Return every other live announcer with all lanes that it announces anything in."""
        found: dict[IPv4Address, set[Lane]] = {}
        for vip in self.view.announcements if self.view is not None else ():
            for router, lane in self.others(vip).items():
                found.setdefault(router, set()).add(lane)
        return found

    def mine(self, vip: IPAddress) -> Lane | None:
        """Return the best lane that a VIP sits on here, None for no lane."""
        lanes = self.announced.get(vip, frozenset())
        return next((lane for lane in (Lane.ACTIVE, Lane.STANDBY, Lane.DRAINED) if lane in lanes), None)

    def heard(self, address: IPAddress) -> bool:
        """Say whether an address is announced already, or somebody would hear if it were."""
        return self.mine(address) is not None or family_of(address) in self.adjacent


def place(vip: Vip, inventory: Inventory, fit: Decision, around: Surroundings) -> Decision:
    """Return where a VIP that is ``fit`` belongs, now that the others and the operator are heard."""
    if isinstance(vip.ha, Vrrp):
        return _elected(vip.ha, vip, inventory, fit, around)
    if not around.heard(vip.address):
        text = f"no {OSPF[family_of(vip.address)][0]} neighbour is Full yet: nobody would hear of it"
        return Decision(NOWHERE, Because(Reason.NOT_ADJACENT, text))
    intent = around.drains.get(vip.address) or around.drains.get(None)
    if intent is not None:
        waiting = why_not_drain(inventory, around) if None in around.drains and not intent.force else ""
        if not waiting:
            return _drained(vip, inventory, intent, around)
        serving = _serving(vip, inventory, fit, around)
        return Decision(serving.lanes, Because(Reason.DRAIN_WAITS, waiting, {"intent": intent.reason}))
    return _serving(vip, inventory, fit, around)


def _elected(ha: Vrrp, vip: Vip, inventory: Inventory, fit: Decision, around: Surroundings) -> Decision:
    """Return whether a director stands for election by VRRP, and if so with which priority, as a lane.

    One that drains stands with the lowest: it serves until another one does, and on where there is none. With
    ``preempt: false`` no other takes over from a lower priority, so it does not stand at all.
    """
    if around.own not in {inventory.directors[name].router_id for name in ha.order}:
        return Decision(NOWHERE, Because(Reason.STANDBY, "this director is not in the VIP's `order`"))
    intent = around.drains.get(vip.address) or around.drains.get(None)
    if intent is None:
        return fit
    facts = {"who": intent.who, "reason": intent.reason, "until": intent.until}
    if intent.force or not ha.preempt:
        return Decision(NOWHERE, Because(Reason.DRAINED, intent.reason, facts))
    text = f"{intent.reason}; it serves only where no other director does"
    return Decision(frozenset({Lane.DRAINED}), Because(Reason.DRAINING, text, facts))


def why_not_drain(inventory: Inventory, around: Surroundings) -> str:
    """Return why the drain of this director has to wait, an empty text when it need not."""
    limit = inventory.cluster.max_drained
    if limit is None:
        return ""
    if not around.knows():
        return "the link-state database does not say what the others do: the drain waits for that"
    routers = {director.router_id: name for name, director in inventory.directors.items()}
    seen = around.lanes_of_all()
    gone = [router for router in routers if router != around.own and router not in seen]
    draining = [router for router, lanes in seen.items() if Lane.DRAINED in lanes]
    ahead = drain.ahead_of(around.own, draining, gone, tuple(routers), limit)
    if not ahead:
        return ""
    who = ", ".join(
        f"{routers.get(router, router)} ({'gone' if router in gone else 'drains'})" for router in ahead
    )
    return f"at most {limit} directors may be out at once: {who}"


def _drained(vip: Vip, inventory: Inventory, intent: Drain, around: Surroundings) -> Decision:
    needed = 0 if intent.force else inventory.cluster.min_announcers
    others = around.others(vip.address) if around.knows() else {}
    mine = around.mine(vip.address)
    facts = {"who": intent.who, "reason": intent.reason, "until": intent.until}
    progress = around.progress.get(vip.address, Progress())
    if mine is None:
        # withdrawn already, or never announced: out it stays while the others carry it
        carrying = drain.carrying(others)
        if len(carrying) >= needed or not around.knows():
            return Decision(NOWHERE, Because(Reason.DRAINED, intent.reason, facts))
        text = f"{intent.reason}; {len(carrying)} others announce it: it serves from the drained lane"
        return Decision(frozenset({Lane.DRAINED}), Because(Reason.DRAINING, text, facts))
    pace = inventory.cluster.ospf.pace
    seen_at = around.view.taken_at if around.view is not None else float("-inf")
    why_not = drain.why_not_withdraw(
        progress, others, seen_at=seen_at, now=around.now, pace=pace, quiet=QUIET, needed=needed
    )
    if why_not:
        text = f"{intent.reason}; {why_not}"
        return Decision(frozenset({Lane.DRAINED}), Because(Reason.DRAINING, text, facts))
    return Decision(NOWHERE, Because(Reason.DRAINED, intent.reason, facts))


def _serving(vip: Vip, inventory: Inventory, fit: Decision, around: Surroundings) -> Decision:
    routers = tuple(director.router_id for director in inventory.directors.values())
    width, preempt = inventory.cluster.max_active, inventory.cluster.preempt
    order = routers
    if vip.ha is not None:
        width, preempt = 1, vip.ha.preempt
        order = tuple(inventory.directors[name].router_id for name in vip.ha.order)
    elif len(routers) <= width:
        return fit
    mine = around.mine(vip.address)
    if around.knows():
        others = around.others(vip.address)
        lane = scale.lane(around.own, mine, others, order, width, preempt=preempt)
        serving = [router for router, where in others.items() if where is Lane.ACTIVE]
        text = f"active on other directors: {len(serving)} of at most {width}"
    else:
        lane = mine if mine in (Lane.ACTIVE, Lane.STANDBY) else Lane.STANDBY
        text = "the link-state database does not say what the others do"
    if lane is Lane.ACTIVE:
        return fit
    return Decision(frozenset({lane}), Because(Reason.STANDBY, f"{fit.because.text}; {text}"))
