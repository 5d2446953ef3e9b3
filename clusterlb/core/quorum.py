"""Is a pool fit to serve?

The law, with ``u`` UP, ``x`` UNKNOWN (members, or their weight) and hysteresis between ``down`` and ``up``:

- ``u >= quorum.up``           FIT: enough are known to be UP;
- ``u + x <= quorum.down``     UNFIT: even if every UNKNOWN were UP there would be too few;
- otherwise                    as before: between the marks, or not known well enough to change anything.

So UNKNOWN never makes a fit pool unfit, and never an unfit pool fit; and where it leaves open whether the
sorry server has to serve, or all members have to be used, that stays as it was, too. A percentage is of all
members (or all weight), ``up`` rounded up and 1 at the least, ``down`` rounded down and below ``up``.
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
    ``panic``: so few are UP that all are used. ``adopted``: the verdicts have not said yet how it stands; it
    is taken to stand as it was found. ``may_panic``: nor whether all are used.
    """

    up: int
    unknown: int
    total: int
    needs: int
    fit: bool
    undecided: bool = False
    sorry: bool = False
    panic: bool = False
    adopted: bool = False
    may_panic: bool = False

    @property
    def serves(self) -> bool:
        """Say whether clients get an answer, if only from the member of last resort."""
        return self.fit or self.sorry


def as_found(pool: Pool, *, fit: bool, sorry: bool) -> Standing:
    """Return how a pool that nobody has judged yet is taken to stand."""
    return Standing(
        0, 0, 0, 0, fit and not sorry, sorry=sorry, adopted=True, may_panic=pool.panic > 0 and fit
    )


def standing(pool: Pool, states: Sequence[MemberState], before: Standing) -> Standing:
    """Judge a pool by its members' states, in its order, given how it stood before."""
    quorum = pool.quorum
    worth = [member.weight if quorum.of is QuorumOf.WEIGHT else 1 for member in pool.members]
    up = sum(w for w, s in zip(worth, states, strict=True) if s.state is VerdictState.UP)
    unknown = sum(w for w, s in zip(worth, states, strict=True) if s.state is VerdictState.UNKNOWN)
    total = sum(worth)
    needs = max(1, _amount(quorum.up, total, up=True))
    too_few = min(_amount(quorum.down, total, up=False), needs - 1)
    decided = up >= needs or up + unknown <= too_few
    fit = up >= needs if decided else before.fit
    undecided = not fit and up + unknown >= needs
    adopted = before.adopted and unknown > 0 and not decided
    panic = panics(pool, states)
    return Standing(
        up,
        unknown,
        total,
        needs,
        fit,
        undecided,
        sorry=pool.sorry is not None and not fit and (before.sorry or not undecided),
        panic=fit and not adopted and (before.panic if panic is None else panic),
        adopted=adopted,
        may_panic=fit and before.may_panic and (adopted or panic is None),
    )


def _amount(amount: Amount, total: int, *, up: bool) -> int:
    if not amount.percent:
        return amount.value
    return -(-total * amount.value // 100) if up else total * amount.value // 100
