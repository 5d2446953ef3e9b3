"""Is a pool fit to serve?

The law, with ``u`` members UP, ``x`` members UNKNOWN and hysteresis between ``down`` and ``up``:

- ``u >= quorum.up``           FIT: enough are known to be UP;
- ``u + x <= quorum.down``     UNFIT: even if every UNKNOWN were UP there would be too few;
- otherwise                    as before: between the marks, or not known well enough to change anything.

So UNKNOWN never makes a fit pool unfit, and never an unfit pool fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clusterlb.model.health import VerdictState
from clusterlb.model.inventory import Quorum


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pool stands: members UP, members UNKNOWN, all members, and whether that is fit."""

    up: int
    unknown: int
    total: int
    fit: bool


def standing(quorum: Quorum, states: Sequence[VerdictState], before: bool) -> Standing:
    """Count a pool's member states and judge them, given whether the pool was fit before."""
    up = states.count(VerdictState.UP)
    unknown = states.count(VerdictState.UNKNOWN)
    if up >= quorum.up:
        fit = True
    elif up + unknown <= quorum.down:
        fit = False
    else:
        fit = before
    return Standing(up, unknown, len(states), fit)
