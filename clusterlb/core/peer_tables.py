"""Compare the tables of services with those of peers: a director that is alone with its own says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from clusterlb.model.inventory import Inventory, Pool

LEAST = 10.0  # seconds that tables may differ: what changes everywhere does not change at the same moment

Tables = Mapping[str, str]
"""The digest of each service's table, by the service's name."""


def apart(names: Collection[str], own: Tables, peers: Collection[Tables]) -> frozenset[str]:
    """Return those services whose table more than half of the peers that have it have alike, and otherwise.

    A service that has no table here is apart, too.
    """
    found = set()
    for name in names:
        common, count, all_ = _most(name, peers)
        if count and common != own.get(name) and 2 * count > all_:
            found.add(name)
    return frozenset(found)


def odd(own: Tables, peers: Collection[Tables]) -> frozenset[str]:
    """Return the services whose table most directors have alike, and this one has otherwise.

    Most: more than half of all that have the service, this one among them. Where there is no such majority
    nobody is odd.
    """
    found = set()
    for name, digest in own.items():
        common, count, all_ = _most(name, peers)
        if common != digest and 2 * count > all_ + 1:
            found.add(name)
    return frozenset(found)


def _most(name: str, peers: Collection[Tables]) -> tuple[str, int, int]:
    """Return the digest that most peers have of a service, how many have it, and how many have any."""
    votes = Counter(tables[name] for tables in peers if name in tables)
    (common, count), *_ = votes.most_common(1) or [("", 0)]
    return common, count, votes.total()


def differing(own: Tables, peer: Tables) -> frozenset[str]:
    """Return the services that both have, with different tables."""
    return frozenset(name for name, digest in own.items() if peer.get(name, digest) != digest)


def patience(inventory: Inventory, pools: Collection[str]) -> float:
    """Return for how many seconds tables of these pools may differ: until each director's checks agree."""
    return LEAST + max((_judging(inventory.pools[name]) for name in pools), default=0.0)


def _judging(pool: Pool) -> float:
    """Return how long the slowest check of a pool takes to change its verdict, at most."""
    checks = {check for member in pool.members for check in pool.checks_of(member)}
    return max(
        (max(c.rise, c.fall) * (c.probe.interval + c.probe.timeout) + c.hold for c in checks), default=0.0
    )


def difference(here: Collection[str], there: Collection[str], peer: str) -> str:
    """Say in what two tables differ, given each table's rows."""
    mine, theirs = set(here), set(there)
    if mine == theirs:
        return f"{peer} has the same members in another order"
    only = "; ".join(sorted(mine - theirs)) or "nothing"
    other = "; ".join(sorted(theirs - mine)) or "nothing"
    return f"here {only}; at {peer} {other}"
