"""Route policies: is a route with a prefix, and a next hop behind a port, accepted?"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from clusterlb.model.address import IPNetwork


class PrefixRow(NamedTuple):
    """One row of a prefix list: routes inside ``prefix`` whose length is ``shortest`` to ``longest``."""

    permit: bool
    prefix: IPNetwork
    shortest: int
    longest: int
    line: int

    def matches(self, route: IPNetwork) -> bool:
        """Say whether this row matches a route."""
        return self.shortest <= route.prefixlen <= self.longest and within(route, self.prefix)


def within(route: IPNetwork, prefix: IPNetwork) -> bool:
    """Say whether a route is in a prefix, of the same family."""
    if isinstance(route, IPv4Network):
        return isinstance(prefix, IPv4Network) and route.subnet_of(prefix)
    return isinstance(prefix, IPv6Network) and route.subnet_of(prefix)


@dataclass(slots=True)
class Clause:
    """One step of a route map or a policy statement; it decides about the routes that meet its conditions.

    ``unknown``: the line of a condition that this module does not know; 0 if it knows all.
    """

    permit: bool
    line: int
    prefixes: list[PrefixRow] | None = None
    ports: list[str] = field(default_factory=list)
    unknown: int = 0

    def deciding_line(self, route: IPNetwork, port: str) -> int:
        """Return the line by which the clause decides about a route, 0 if it does not decide."""
        if self.ports and port not in self.ports:
            return 0
        if self.prefixes is None:
            return self.line
        entry = next((entry for entry in self.prefixes if entry.matches(route)), None)
        return entry.line if entry and entry.permit else 0


@dataclass(slots=True)
class Policy:
    """A filter between OSPF's routes and the routing table, and the filter's lines.

    ``otherwise``: whether a route that no clause decides about is accepted; a route map denies it.
    """

    name: str
    lines: tuple[int, ...]
    clauses: list[Clause] = field(default_factory=list)
    otherwise: bool = False

    @property
    def unknown(self) -> int:
        """Return the line of an unknown condition, 0 if none; with one, ``takes`` may be wrong."""
        return next((clause.unknown for clause in self.clauses if clause.unknown), 0)

    def takes(self, route: IPNetwork, port: str) -> tuple[bool, int]:
        """Return whether a route through a port is accepted into the routing table, and the deciding line."""
        for clause in self.clauses:
            if line := clause.deciding_line(route, port):
                return clause.permit, line
        return self.otherwise, self.lines[-1]
