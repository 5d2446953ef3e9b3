"""Which director owns a flow: 256 buckets of flows, and the same map from bucket to director everywhere.

Each bucket ranks the directors by a hash of their names (rendezvous hashing); its owner is the first of them
that serves. So all directors that see the same directors agree without a word, and one that comes or goes
moves only its own share. A new flow is only forwarded to a higher-ranked director, so forwarding cannot loop:
no director leaves itself out.

A flow stays where its connection tracking entry is. So a director remembers for each of its buckets who had
it before (``previous``), and asks there for a flow that it does not know. That one remembers in turn who had
it before, and so on: nobody needs to know the whole story of a bucket.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from hashlib import shake_256

from clusterlb.model.address import AddressFamily

BUCKETS = 256
SEED = 0x45C1A55E  # of the kernel's hash over a flow; the same on every director, for ever
_BYTES = 8

Owners = tuple[str | None, ...]
"""One director's name for each bucket; None for nobody."""

PoolFamily = tuple[str, AddressFamily]
"""A SNAT pool's name and the family: each has owners of its own."""

NOBODY: Owners = (None,) * BUCKETS


@dataclass(frozen=True, slots=True)
class Buckets:
    """Who owns each bucket now, and who had it before this director did (None: nobody else)."""

    current: Owners = NOBODY
    previous: Owners = NOBODY


def current(directors: Collection[str]) -> Owners:
    """Return the owner of each bucket among the directors that serve."""
    ranks = [(ranking(name), name) for name in sorted(directors)]
    if not ranks:
        return NOBODY
    return tuple(max((rank[bucket], name) for rank, name in ranks)[1] for bucket in range(BUCKETS))


@cache
def ranking(director: str) -> tuple[bytes, ...]:
    """Return how much each bucket likes a director; the highest wins."""
    digest = shake_256(director.encode()).digest(_BYTES * BUCKETS)
    return tuple(digest[at : at + _BYTES] for at in range(0, len(digest), _BYTES))


def learn(
    own: str,
    known: Buckets,
    serving: Collection[str],
    alive: Collection[str],
    *,
    stood_in: Collection[str] | None = None,
) -> Buckets:
    """Return the buckets of the director ``own`` that sees these others, and maybe itself, serve.

    ``known``: what it knew, nobody when it begins. ``alive``: who can still be asked for older flows.
    ``stood_in``: who served when it looked last, if it did not serve itself then and does now; those that
    serve now may be others, and know nothing. It never leaves itself out. While the others do, for it joins
    or drains, it goes on asking whom it remembers; those who have its buckets meanwhile are the previous ones
    where it remembers nobody, and everywhere once it has returned.
    """
    others = set(serving) - {own}
    now = current({own, *others})
    if stood_in is None and (own not in serving or known.current == NOBODY):
        stood_in = others
    before = known.current if stood_in is None else current(set(stood_in) - {own})
    askable = set(alive) - {own}
    previous = []
    for mine, was, remembered in zip(now, before, known.previous, strict=True):
        takes = mine == own and was not in (own, None)
        if takes and own not in serving and remembered in askable:
            takes = False
        previous.append(was if takes else remembered)
    return Buckets(now, tuple(name if name in askable else None for name in previous))
