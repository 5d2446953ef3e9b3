"""What decides where services place their flows, in a few letters that eight directors can compare."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from clusterlb.core.maglev import last_weight
from clusterlb.model.ipvs import ServiceState

DIGITS = 12
"""Hexadecimal digits of a digest: 48 bits, which a floating-point number of a metric holds exactly."""


def table_digest(state: ServiceState) -> str:
    """Return a digest of a service's table: directors with equal digests place flows alike.

    It covers the scheduler and its flags, and of each destination, in order, its address and port, how
    packets reach it, its last weight that was not 0, and whether it takes new flows. Of schedulers other than
    ``mh`` equal digests say only that they choose among the same destinations.
    """
    service = state.service
    lines = [f"{service.scheduler} {int(service.flags)}"]
    lines += [f"{d.key} {int(d.method)} {last_weight(d)} {int(d.weight > 0)}" for d in state.destinations]
    return _digest(lines)


def table_rows(state: ServiceState) -> tuple[str, ...]:
    """Return in words, by destination, what the digest of a service's table covers."""
    return tuple(
        f"{d.key} by {d.method.name.lower()}, weight {last_weight(d)}{'' if d.weight else ', takes no flows'}"
        for d in state.destinations
    )


def joint_digest(digests: Iterable[tuple[str, str]]) -> str:
    """Return one digest of those of many services, which come with their names in any order."""
    return _digest(f"{name} {digest}" for name, digest in sorted(digests))


def _digest(lines: Iterable[str]) -> str:
    return sha256("\n".join(lines).encode()).hexdigest()[:DIGITS]
