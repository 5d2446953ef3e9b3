"""Is a pool fit to serve?

The law, with ``u`` UP, ``x`` UNKNOWN (members, or their weight) and hysteresis between ``down`` and ``up``:

- ``u >= quorum.up``           FIT: enough are known to be UP;
- ``u + x <= quorum.down``     UNFIT: even if every UNKNOWN were UP there would be too few;
- otherwise                    as before: between the marks, or not known well enough to change anything.

So UNKNOWN never makes a fit pool unfit, and never an unfit pool fit. A percentage is of all members (or all
weight), ``up`` rounded up and 1 at the least, ``down`` rounded down and below ``up``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clusterlb.core.member import MemberState, panics
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Amount, Pool, QuorumOf


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pool stands: what is UP, UNKNOWN, there and needed, and whether that is fit.

    ``undecided``: not fit, but it may turn out to be. ``sorry``: the member of last resort serves.
    ``panic``: so few are UP that all are used.
    """

    up: int
    unknown: int
    total: int
    needs: int
    fit: bool
    undecided: bool = False
    sorry: bool = False
    panic: bool = False

    @property
    def serves(self) -> bool:
        """Say whether clients get an answer, if only from the member of last resort."""
        return self.fit or self.sorry


def standing(pool: Pool, states: Sequence[MemberState], before: bool) -> Standing:
    """Judge a pool by its members' states, in its order, given whether it was fit before."""
    quorum = pool.quorum
    worth = [member.weight if quorum.of is QuorumOf.WEIGHT else 1 for member in pool.members]
    up = sum(w for w, s in zip(worth, states, strict=True) if s.state is VerdictState.UP)
    unknown = sum(w for w, s in zip(worth, states, strict=True) if s.state is VerdictState.UNKNOWN)
    total = sum(worth)
    needs = max(1, _amount(quorum.up, total, up=True))
    too_few = min(_amount(quorum.down, total, up=False), needs - 1)
    if up >= needs:
        fit = True
    elif up + unknown <= too_few:
        fit = False
    else:
        fit = before
    undecided = not fit and up + unknown >= needs
    return Standing(
        up,
        unknown,
        total,
        needs,
        fit,
        undecided,
        sorry=pool.sorry is not None and not fit and not undecided,
        panic=fit and panics(pool, states),
    )


def _amount(amount: Amount, total: int, *, up: bool) -> int:
    if not amount.percent:
        return amount.value
    return -(-total * amount.value // 100) if up else total * amount.value // 100
