"""The last brakes before a plan is carried out; each refusal says which step and why."""

from __future__ import annotations

from dataclasses import dataclass

from clusterlb.core.announce import inside
from clusterlb.model.inventory import Cluster
from clusterlb.model.plan import Announce, Plan, Step
from clusterlb.model.reason import Because, Reason


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
        if isinstance(step, Announce) and not inside(step.vip, cluster.vip_prefixes)
    )
    refused = {refusal.step for refusal in refusals}
    return (tuple(step for step in plan if step not in refused) if refused else plan), refusals
