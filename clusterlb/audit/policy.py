"""Route policies: would a route with this prefix, whose next hop is behind this port, be taken?"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from clusterlb.model.address import IPNetwork


class Entry(NamedTuple):
    """One row of a prefix list: routes inside ``prefix`` whose length is ``shortest`` to ``longest``."""

    permit: bool
    prefix: IPNetwork
    shortest: int
    longest: int
    line: int

    def matches(self, route: IPNetwork) -> bool:
        """Say whether this line decides about a route."""
        return self.shortest <= route.prefixlen <= self.longest and within(route, self.prefix)


def within(route: IPNetwork, prefix: IPNetwork) -> bool:
    """Say whether a route is of a prefix's family and inside it."""
    if isinstance(route, IPv4Network):
        return isinstance(prefix, IPv4Network) and route.subnet_of(prefix)
    return isinstance(prefix, IPv6Network) and route.subnet_of(prefix)


@dataclass(slots=True)
class Clause:
    """One step of a route map or a policy statement; it decides about what its conditions do not exclude.

    ``unknown`` is the line of a condition that is not understood here, 0 when all are.
    """

    permit: bool
    line: int
    prefixes: list[Entry] | None = None
    ports: list[str] = field(default_factory=list)
    unknown: int = 0

    def deciding_line(self, route: IPNetwork, port: str) -> int:
        """Return the line by which the clause decides about a route, 0 when it does not."""
        if self.ports and port not in self.ports:
            return 0
        if self.prefixes is None:
            return self.line
        entry = next((entry for entry in self.prefixes if entry.matches(route)), None)
        return entry.line if entry and entry.permit else 0


@dataclass(slots=True)
class Policy:
    """What filters OSPF's routes on their way to the routing table, and the lines that make it up.

    ``otherwise`` is what becomes of a route that no clause decides about: a route map denies it.
    """

    name: str
    lines: tuple[int, ...]
    clauses: list[Clause] = field(default_factory=list)
    otherwise: bool = False

    @property
    def unknown(self) -> int:
        """Return the line of a condition that is not understood, 0 if none: ``takes`` says nothing then."""
        return next((clause.unknown for clause in self.clauses if clause.unknown), 0)

    def takes(self, route: IPNetwork, port: str) -> tuple[bool, int]:
        """Say whether a route through a port gets into the routing table, and by which line."""
        for clause in self.clauses:
            if line := clause.deciding_line(route, port):
                return clause.permit, line
        return self.otherwise, self.lines[-1]
