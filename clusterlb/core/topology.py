"""The graph of two-way links: which routers OSPF reaches from here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from clusterlb.model.lsdb import MAX_AGE, Lsdb, NetworkId


class Vertex(NamedTuple):
    """A router or a transit network within an area; each area is a graph of its own."""

    area: str
    node: IPv4Address | NetworkId


@dataclass(frozen=True, slots=True)
class Topology:
    """The links that LSAs claim, one way each, with the least cost between two vertices."""

    claims: Mapping[Vertex, Mapping[Vertex, int]]

    def neighbours(self, vertex: Vertex) -> Iterator[tuple[Vertex, int]]:
        """Yield what a vertex is linked to, and the cost of getting there.

        A link counts only when the other end claims it too (RFC 2328 section 16.1, step 2b).
        """
        for other, cost in self.claims.get(vertex, {}).items():
            if vertex in self.claims.get(other, {}):
                yield other, cost

    def reached(self, root: IPv4Address) -> frozenset[Vertex]:
        """Return what a chain of two-way links joins to a router: it too, when it has an LSA."""
        waiting = [vertex for vertex in self.claims if vertex.node == root]
        seen = set(waiting)
        while waiting:
            found = [other for other, _ in self.neighbours(waiting.pop()) if other not in seen]
            seen.update(found)
            waiting += found
        return frozenset(seen)

    def router_costs(self, router: Vertex) -> dict[IPv4Address, int]:
        """Return the least cost from a router to each router on a link of its own."""
        costs: dict[IPv4Address, int] = {}
        for other, cost in self.neighbours(router):
            # a network's cost to a router on it is 0 (RFC 2328 section 12.4.2)
            ends = self.neighbours(other) if isinstance(other.node, NetworkId) else [(other, cost)]
            for end, _ in ends:
                if isinstance(end.node, IPv4Address) and end != router:
                    costs[end.node] = min(cost, costs.get(end.node, cost))
        return costs


def topology(database: Lsdb) -> Topology:
    """Build the graph from the router and network LSAs that are not being flushed."""
    claims: defaultdict[Vertex, dict[Vertex, int]] = defaultdict(dict)
    for router in database.routers:
        if router.age < MAX_AGE:
            ends = claims[Vertex(router.area, router.router_id)]
            for link in router.links:
                to = Vertex(router.area, link.to)
                ends[to] = min(link.cost, ends.get(to, link.cost))
    for network in database.networks:
        if network.age < MAX_AGE:
            ends = claims[Vertex(network.area, network.network)]
            ends.update((Vertex(network.area, router_id), 0) for router_id in network.routers)
    return Topology(dict(claims))
