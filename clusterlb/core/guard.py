"""The last brakes: before a plan is carried out, and before an operator's intent is taken in.

Each refusal says what is refused and why, and names who announces what.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterlb.core.announce import is_inside
from clusterlb.core.drain import carrying
from clusterlb.core.place import Surroundings
from clusterlb.model.intent import Drain
from clusterlb.model.inventory import Cluster, Inventory, Vip, Vrrp
from clusterlb.model.plan import Announce, Plan, Step
from clusterlb.model.reason import Because, Reason
from clusterlb.model.target import DIRECTOR, MemberTarget, PoolTarget, VipTarget

_LOOK = "see `vtysh -c 'show ip ospf neighbor'`"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that is not carried out."""

    step: Step
    because: Because


def guard(plan: Plan, cluster: Cluster) -> tuple[Plan, tuple[Refusal, ...]]:
    """Return the plan without the steps that must never happen, and why each was taken out."""
    refusals = tuple(
        Refusal(step, Because(Reason.OUTSIDE_PREFIXES, f"{step.vip} is outside cluster.vip_prefixes"))
        for step in plan
        if isinstance(step, Announce) and not is_inside(step.vip, cluster.vip_prefixes)
    )
    refused = {refusal.step for refusal in refusals}
    return (tuple(step for step in plan if step not in refused) if refused else plan), refusals


def refused_drain(
    drain: Drain,
    inventory: Inventory,
    around: Surroundings,
    changed_at: float,
    settle: float,
    silent: str = "",
) -> Because | None:
    """Return why a drain must not begin, or None when it may.

    ``changed_at``: when the set of directors that announce changed last, in the clock of ``around``. A member
    that drains takes no flow that comes over from another director (ip_vs_mh.c falls back for weight 0): so
    none drains until ``settle`` seconds after such a change. ``silent``: why the look at the others that
    belongs to this drain has failed, empty when it has not.
    """
    if not isinstance(drain.target, MemberTarget | PoolTarget):
        return _master(inventory, around, drain) or _lonely(drain, inventory, around, silent)
    since = around.now - changed_at
    if since >= settle:
        return None
    text = (
        f"directors joined or left {since:.0f} s ago and their flows are moving: a member that drains now "
        f"breaks those that come to it. Try again in {settle - since:.0f} s; --force breaks them"
    )
    return Because(Reason.ECMP_CHANGING, text, {"since": since})


def refused_down(inventory: Inventory, around: Surroundings, silent: str = "") -> Because | None:
    """Return why this director must not be taken down, or None when it may; ``silent`` as for a drain.

    Where it is the only one, whoever takes it down knows that nobody else serves.
    """
    if len(inventory.directors) == 1:
        return None
    everything = Drain(target=DIRECTOR, who="", reason="")
    return _master(inventory, around) or _lonely(everything, inventory, around, silent)


def _master(inventory: Inventory, around: Surroundings, drain: Drain | None = None) -> Because | None:
    """Say which VIPs nobody else may take over; a backup of VRRP is silent. ``drain``: None for ``down``.

    A drain hands a VIP over by itself, and keeps it where nobody is there; not so with ``preempt: false``.
    """
    mine = [
        str(vip.address)
        for vip in _concerned(inventory, drain)
        if isinstance(vip.ha, Vrrp) and vip.address in around.masters and not (drain and vip.ha.preempt)
    ]
    if not mine:
        return None
    shown = ", ".join(mine[:5]) + (f" and {len(mine) - 5} more" if len(mine) > 5 else "")
    first = (
        "with `preempt: false` a drain ends that at once"
        if drain
        else "drain it before (`clusterlb drain director`), and another that is there becomes master"
    )
    text = (
        f"this director is VRRP's master of {shown}, and nobody can tell whether another is there: {first}. "
        "--force goes on all the same, and nobody serves what nobody takes over"
    )
    return Because(Reason.TOO_FEW_ANNOUNCERS, text, {"vips": mine})


def _lonely(drain: Drain, inventory: Inventory, around: Surroundings, silent: str) -> Because | None:
    """Say which VIPs too few others would carry."""
    needed = inventory.cluster.min_announcers
    vips = [vip for vip in _concerned(inventory, drain) if not isinstance(vip.ha, Vrrp)]
    if not vips:
        return None
    if silent or not around.knows():
        text = (
            f"the link-state database does not say who else announces the VIPs ({silent or _LOOK}): "
            "nobody can tell what this drain would take down; --force drains all the same"
        )
        return Because(Reason.TOO_FEW_ANNOUNCERS, text)
    names = {director.router_id: name for name, director in inventory.directors.items()}
    lacking: dict[str, str] = {}
    for vip in (each.address for each in vips):
        others = around.others(vip)
        if around.mine(vip) is not None and len(carrying(others)) < needed:
            seen = (f"{names.get(router, router)} ({lane.value})" for router, lane in sorted(others.items()))
            lacking[str(vip)] = ", ".join(seen) or "nobody else"
    if not lacking:
        return None
    shown = "; ".join(f"{vip}: {who}" for vip, who in list(lacking.items())[:5])
    more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
    text = (
        f"{needed} other directors must announce each VIP outside the drained lane, and these have fewer: "
        f"{shown}{more}. --force withdraws them all the same, and nobody serves what nobody else announces"
    )
    return Because(Reason.TOO_FEW_ANNOUNCERS, text, {"needed": needed, "vips": lacking})


def _concerned(inventory: Inventory, drain: Drain | None) -> list[Vip]:
    """Return the VIPs that a drain is about, all of them where it is about the director, or for ``down``."""
    everything = inventory.vips
    if drain is None or not isinstance(drain.target, VipTarget):
        return list(everything.values())
    return [everything[drain.target.vip]] if drain.target.vip in everything else []
