"""When may a director's LSA change again?

A switch drops a second instance of the same LSA that arrives within its MinLSArrival (RFC 2328,
section 13, step 5a; 1 s by default), without a word, and the sender retries only after
RxmtInterval. All intra-area VIPs of a director share one router LSA. So the first change goes out at
once, and what follows is held until the pace has passed, then sent as one: the last state wins.
"""

from __future__ import annotations

from clusterlb.model.plan import (
    Announce,
    AwaitWithdrawn,
    Plan,
    RemoveLane,
    RemoveLocalRoute,
    RemoveService,
    Withdraw,
)

CHANGES_LSA = (Announce, Withdraw)
# removals wait with the withdrawal that has to come before them
HELD = (*CHANGES_LSA, AwaitWithdrawn, RemoveService, RemoveLocalRoute, RemoveLane)


def ready_at(last_change: float | None, pace: float) -> float:
    """Return the earliest time (seconds, same clock) at which the announcements may change."""
    return float("-inf") if last_change is None else last_change + pace


def changes_lsa(plan: Plan) -> bool:
    """Say whether a plan changes what this director announces."""
    return any(isinstance(step, CHANGES_LSA) for step in plan)


def hold(plan: Plan) -> tuple[Plan, Plan]:
    """Split a plan into what may be done before the pace has passed, and what must wait."""
    if not changes_lsa(plan):
        return plan, ()
    return (
        tuple(step for step in plan if not isinstance(step, HELD)),
        tuple(step for step in plan if isinstance(step, HELD)),
    )
