"""Read the link-state database as the cluster's shared state: who announces what, in which lane."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv4Address

from clusterlb.core.topology import Topology, Vertex, topology
from clusterlb.model.address import IPAddress, IPNetwork
from clusterlb.model.cluster_view import Announcement, ClusterFinding, ClusterView, FindingKind
from clusterlb.model.lsdb import MAX_AGE, Databases, Lsdb
from clusterlb.model.ospf import Lane, LaneCosts

_Announcements = Mapping[IPAddress, tuple[Announcement, ...]]


def view(
    databases: Databases,
    costs: LaneCosts,
    vip_prefixes: Collection[IPNetwork],
    own_router_id: IPv4Address,
    now: float,
) -> ClusterView:
    """Return every announcement of an address in the VIP prefixes, and what is wrong with them.

    IPv4 VIPs are read from OSPFv2 and IPv6 VIPs from OSPFv3. A router that announces a VIP on two lanes at
    once, as it does while it changes lanes, counts with the cheaper one, which is the one OSPF uses.
    """
    announcements: dict[IPAddress, tuple[Announcement, ...]] = {}
    warnings: list[ClusterFinding] = []
    for protocol, database in (("OSPFv2", databases.ospf), ("OSPFv3", databases.ospf6)):
        if database is not None:
            graph = topology(database)
            reached = graph.reached(own_router_id)
            found = _announcements(database, costs, vip_prefixes, reached)
            announcements |= found
            warnings += _warnings(protocol, graph, reached, found, own_router_id, costs)
    return ClusterView(announcements, now, own_router_id, tuple(warnings))


def _announcements(
    database: Lsdb, costs: LaneCosts, vip_prefixes: Collection[IPNetwork], reached: frozenset[Vertex]
) -> dict[IPAddress, tuple[Announcement, ...]]:
    lanes = {costs.of(lane): lane for lane in Lane}
    reached_in: defaultdict[str | None, set[object]] = defaultdict(set)
    for vertex in reached:
        reached_in[vertex.area].add(vertex.node)
        reached_in[None].add(vertex.node)
    best: dict[tuple[IPAddress, IPv4Address, bool], Announcement] = {}
    for route in database.host_routes:
        if route.age >= MAX_AGE or not _is_vip(route.address, vip_prefixes):
            continue
        announcement = Announcement(
            route.router_id,
            route.address,
            lanes.get(route.cost),
            route.cost,
            route.external,
            route.router_id in reached_in[route.area],
            float(route.age),
        )
        key = (route.address, route.router_id, route.external)
        best[key] = min(best.get(key, announcement), announcement, key=_preference)
    by_vip: dict[IPAddress, tuple[Announcement, ...]] = {}
    for one in sorted(best.values(), key=_order):
        by_vip[one.vip] = (*by_vip.get(one.vip, ()), one)
    return by_vip


def _is_vip(address: IPAddress, vip_prefixes: Iterable[IPNetwork]) -> bool:
    return any(address in prefix for prefix in vip_prefixes)


def _preference(announcement: Announcement) -> tuple[bool, int, float]:
    return (not announcement.alive, announcement.cost, announcement.age)


def _order(announcement: Announcement) -> tuple[int, int, bool]:
    return (int(announcement.vip), int(announcement.router_id), announcement.external)


def _warnings(
    protocol: str,
    graph: Topology,
    reached: frozenset[Vertex],
    announcements: _Announcements,
    own_router_id: IPv4Address,
    costs: LaneCosts,
) -> Iterator[ClusterFinding]:
    """Yield what is wrong among the living; the dead attract no traffic."""
    routers = {vertex.node for vertex in reached if isinstance(vertex.node, IPv4Address)}
    if routers <= {own_router_id}:
        yield _isolated(protocol, own_router_id)
    living = {vip: [one for one in several if one.alive] for vip, several in announcements.items()}
    for several in living.values():
        yield from (_unknown_cost(one, costs) for one in several if one.lane is None)
        yield from _mixed_types(several)
    directors = {own_router_id} | {one.router_id for several in living.values() for one in several}
    for vertex in sorted(vertex for vertex in reached if isinstance(vertex.node, IPv4Address)):
        if vertex.node not in directors:
            yield from _unequal_port_costs(protocol, vertex, graph, directors)


def _isolated(protocol: str, own_router_id: IPv4Address) -> ClusterFinding:
    return ClusterFinding(
        FindingKind.ISOLATED,
        f"{protocol} has no two-way link from {own_router_id} to another router: its database does not say "
        "what the others announce now",
        {"protocol": protocol, "router_id": str(own_router_id)},
    )


def _unknown_cost(one: Announcement, costs: LaneCosts) -> ClusterFinding:
    known = {lane.value: costs.of(lane) for lane in Lane}
    return ClusterFinding(
        FindingKind.UNKNOWN_COST,
        f"{one.router_id} announces {one.vip} with cost {one.cost}, which is no lane's: "
        + ", ".join(f"{name} {cost}" for name, cost in known.items()),
        {"router_id": str(one.router_id), "vip": str(one.vip), "cost": one.cost, "lanes": known},
    )


def _mixed_types(several: Iterable[Announcement]) -> Iterator[ClusterFinding]:
    """Yield a finding for a VIP announced both ways: intra-area wins at any cost (RFC 2328 section 11)."""
    announced = list(several)
    intra = [str(one.router_id) for one in announced if not one.external]
    external = [str(one.router_id) for one in announced if one.external]
    if intra and external:
        vip = str(announced[0].vip)
        yield ClusterFinding(
            FindingKind.MIXED_TYPES,
            f"{vip} is announced intra-area by {', '.join(intra)} and as an external route by "
            f"{', '.join(external)}: OSPF sends all its traffic to the former, whatever the costs",
            {"vip": vip, "intra_area": intra, "external": external},
        )


def _unequal_port_costs(
    protocol: str, switch: Vertex, graph: Topology, directors: Collection[IPv4Address]
) -> Iterator[ClusterFinding]:
    """Yield a finding for a router whose links to directors differ in cost: equal cost is part of ECMP."""
    ports = {to: cost for to, cost in sorted(graph.router_costs(switch).items()) if to in directors}
    if len(set(ports.values())) > 1:
        yield ClusterFinding(
            FindingKind.UNEQUAL_PORT_COSTS,
            f"{switch.node} reaches the directors at different costs in {protocol} ("
            + ", ".join(f"{router_id} at {cost}" for router_id, cost in ports.items())
            + "): only the cheapest share the traffic of a VIP that they announce alike",
            {
                "protocol": protocol,
                "router_id": str(switch.node),
                "costs": {str(router_id): cost for router_id, cost in ports.items()},
            },
        )
