"""The judgement on a member: all of its checks, its slow start, and what an operator has pinned.

The law for one check that takes several ways: DOWN when one way is, UP when all are. For several checks with
``need: all`` the same; with ``need: any`` UP when one is, DOWN when all are. Otherwise UNKNOWN. A pin stands
above all checks, and a drain above a pin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clusterlb.core.roster import MemberKey, Roster
from clusterlb.core.verdict import first
from clusterlb.core.weight import in_steps, slow_start
from clusterlb.model.check import Need, VerdictState
from clusterlb.model.health import CheckKey, Verdict
from clusterlb.model.inventory import Member, Pool

Verdicts = Mapping[CheckKey, Verdict]
Pins = Mapping[MemberKey, VerdictState]
MemberDrains = Mapping[MemberKey, bool]  # members that drain; True: their flows have ended, or had their time

UP, DOWN, UNKNOWN = VerdictState.UP, VerdictState.DOWN, VerdictState.UNKNOWN


@dataclass(frozen=True, slots=True)
class MemberState:
    """A member's state, the share of its weight in per cent, and when the share will grow by itself.

    ``pinned``: an operator decides. ``drained``: it gets nothing new; ``gone``: it has no place in the table.
    ``partly``: some of its checks have not spoken. ``because`` is what the deciding check saw, ``since`` when
    its verdict came; ``warning`` is the first.
    """

    state: VerdictState
    share: int = 100
    grows_at: float | None = None
    pinned: bool = False
    drained: bool = False
    gone: bool = False
    partly: bool = False
    since: float = 0.0
    because: str = ""
    warning: str = ""


def member_state(
    pool: Pool,
    member: Member,
    roster: Roster,
    verdicts: Verdicts,
    pins: Pins,
    drains: MemberDrains,
    now: float,
) -> MemberState:
    """Judge one member at ``now``, in seconds of the observations' clock."""
    who = (pool.name, member.endpoint)
    if who in drains:
        return MemberState(
            DOWN, pinned=True, drained=True, gone=drains[who], because="drained by an operator"
        )
    if who in pins:
        return MemberState(pins[who], pinned=True, because="pinned by an operator")
    checks = [[verdicts.get(key) or first(key.check) for key in keys] for keys in roster.checks.get(who, ())]
    if not checks:
        return MemberState(UP, because="not checked")
    states = [_all(verdict.state for verdict in found) for found in checks]
    state = _all(states) if pool.need is Need.ALL else _any(states)
    every = [verdict for found in checks for verdict in found]
    deciding = next((v for v in every if v.state is state), every[0])
    share, grows_at = _share(every, pool, now) if state is UP else (100, None)
    return MemberState(
        state,
        share,
        grows_at,
        partly=any(verdict.state is UNKNOWN for verdict in every),
        since=deciding.since,
        because=deciding.because.detail if deciding.because else "",
        warning=next((verdict.warning for verdict in every if verdict.warning), ""),
    )


def pool_states(
    pool: Pool, roster: Roster, verdicts: Verdicts, pins: Pins, drains: MemberDrains, now: float
) -> tuple[MemberState, ...]:
    """Judge all members of a pool, in its order."""
    return tuple(member_state(pool, member, roster, verdicts, pins, drains, now) for member in pool.members)


def panics(pool: Pool, states: Sequence[MemberState]) -> bool | None:
    """Say whether so few members are UP that all of them are used; None: that hangs on UNKNOWN ones."""
    enough = pool.panic * len(states)
    if sum(state.state is not DOWN for state in states) * 100 < enough:
        return True
    return False if sum(state.state is UP for state in states) * 100 >= enough else None


def _share(every: Iterable[Verdict], pool: Pool, now: float) -> tuple[int, float | None]:
    asked, grown, grows_at = 100, 100, None
    for verdict in every:
        if verdict.state is UP:
            asked = min(asked, verdict.share)
            if verdict.recovered:
                share, later = slow_start(verdict.since, now, pool.slow_start)
                if share < grown:
                    grown, grows_at = share, later
    return in_steps(asked * grown / 100), grows_at


def _all(states: Iterable[VerdictState]) -> VerdictState:
    found = set(states)
    return DOWN if DOWN in found else UNKNOWN if UNKNOWN in found else UP


def _any(states: Iterable[VerdictState]) -> VerdictState:
    found = set(states)
    return UP if UP in found else UNKNOWN if UNKNOWN in found else DOWN
