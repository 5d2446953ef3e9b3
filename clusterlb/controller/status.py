"""What an operator sees of a director: one object for the command, the socket, the metrics and the log."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypedDict

from clusterlb import __version__
from clusterlb.controller.condition import Unprobed, announced, condition
from clusterlb.controller.daemon import Controller
from clusterlb.controller.strays import strays
from clusterlb.core.digest import joint_digest, table_digest
from clusterlb.core.member import MemberState
from clusterlb.core.nft.hairpin import explain
from clusterlb.core.programme import destination_key
from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import (
    Counters,
    DestinationKey,
    DestinationStatistics,
    ServiceKey,
    ServiceStatistics,
)
from clusterlb.model.status import (
    AnnouncerStatus,
    ClusterViewStatus,
    Condition,
    DirectorCheckStatus,
    FindingStatus,
    IpvsStatus,
    MemberStatus,
    PoolStatus,
    ServedVip,
    ServiceStatus,
    SnatAddressStatus,
    Status,
    VipStatus,
)

AT_ONCE = 25  # members whose rows are made before the loop has its turn: half a millisecond
NOT_THERE = DestinationStatistics()
NOT_SERVED = ServiceStatistics()

# None: IPVS does not answer, so nobody knows
Statistics = Mapping[ServiceKey, ServiceStatistics] | None


async def status(controller: Controller) -> Status:
    """Return the director's whole status."""
    store = controller.store
    statistics, ipvs_error = await _statistics(controller)
    unprobed, lanes = controller.engine.unprobed(), store.announced()
    now = condition(controller)
    each = zip(now.vips, tuple(store.inventory.vips.values()), strict=True)
    anchored = Counter(anchor.binding.service for anchor in store.anchors.values())
    vips = [await _vip(controller, where, vip, statistics, unprobed, anchored) for where, vip in each]
    services = {one.service: one.table for vip in vips for one in vip.services if one.table}
    known = _fields(now) | {"ipvs": IpvsStatus(answers=not ipvs_error, error=ipvs_error), "vips": tuple(vips)}
    return Status(
        **known,
        director=store.director.name,
        version=__version__,
        router_id=store.director.router_id,
        cluster=store.inventory.cluster.name,
        tables=joint_digest(services.items()),
        uplinks=dict(store.health.carrier),
        filled={name: round(share, 1) for name, share in store.health.filled.items()},
        director_checks={
            name: DirectorCheckStatus(verdict=v.state, because=v.because.detail if v.because else "")
            for name, v in store.health.probes.items()
        },
        pools=_pools(controller),
        cluster_view=_cluster_view(controller),
        paused=store.in_force.paused.reason if store.in_force.paused else "",
        next_window=controller.next_window(),
        intents=tuple(controller.intents.standing),
        snat=tuple(
            SnatAddressStatus(address=address, **announced(store, lanes, address, decision))
            for address, decision in store.snat.own.items()
        ),
        heartbeats=tuple(controller.elections.warnings),
        two_masters=tuple(one.vip for one in controller.elections.findings),
        ports=controller.port_use.status(),
        inside=tuple(explain(store.inventory, pair) for pair in sorted(store.hairpins)),
        peers=controller.peering.status(),
        joined=controller.peering.joined or not store.inventory.cluster.peers,
        uncovered=controller.peering.uncovered(),
        uncounted=controller.strays.error,
        counts={name: store.counts[name] for name in COUNTS},
    )


COUNTS = {
    "drift": "Owned objects that others changed and that were put right",
    "ipvs_repairs": "Times that others had changed owned services of IPVS",
    "steps": "Plan steps carried out",
    "step_errors": "Plan steps that failed",
    "reloads": "Inventories taken over",
    "reload_failures": "Inventories rejected",
    "sightings_unusable": "What peers said of flows that is of no use: of another inventory, or too much",
    "frr_configurations": "Times that FRR's configuration was changed",
}


async def _statistics(controller: Controller) -> tuple[Statistics, str]:
    """Return what IPVS counts, and why not where it does not answer."""
    try:
        return await controller.reconciler.kernel.statistics(tuple(controller.store.index.served)), ""
    except DriverError as error:
        return None, str(error)


def _fields(part: Condition | VipStatus) -> dict[str, Any]:
    return {each.name: getattr(part, each.name) for each in fields(part)}


async def _vip(
    controller: Controller,
    where: VipStatus,
    vip: Vip,
    statistics: Statistics,
    unprobed: Unprobed,
    anchored: Mapping[ServiceKey, int],
) -> ServedVip:
    services = []
    for service in vip.services:
        key = service.key(vip.address)
        members = await _members(controller, service, key, statistics, unprobed)
        # a service's own counters outlive its members, whose counters go with them
        counters = None if statistics is None else statistics.get(key, NOT_SERVED).counters
        count = controller.strays.counts.get(key)
        services.append(
            ServiceStatus(
                service=str(key),
                protocol=key.transport,
                pool=service.pool,
                scheduler=service.scheduler,
                forwarding=service.forwarding,
                persistence=service.persistence,
                table=_table(controller, key),
                flows=count.live if count else None,
                strays=strays(count) if count else None,
                anchored=anchored.get(key, 0),
                members=tuple(members),
                **_counted(counters),
            )
        )
    return ServedVip(**_fields(where), services=tuple(services))


def _table(controller: Controller, key: ServiceKey) -> str:
    found = controller.store.actual.services.get(key)
    return table_digest(found) if found is not None else ""


async def _members(
    controller: Controller, of: Service, key: ServiceKey, statistics: Statistics, unprobed: Unprobed
) -> list[MemberStatus]:
    """Return a service's members; the loop has its turn between some and some."""
    store = controller.store
    pool, states = store.inventory.pools.get(of.pool), store.assessment.members.get(of.pool)
    if pool is None or states is None:
        return []  # a reload has just taken it away
    service = store.actual.services.get(key)
    weights = {d.key: d.weight for d in service.destinations} if service else {}
    found = None if statistics is None else statistics.get(key)
    numbers = None if statistics is None else dict(found.destinations) if found else {}
    rows = []
    for number, (member, state) in enumerate(zip(pool.members, states, strict=True)):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        rows.append(_member(controller, of, key, pool, member, state, numbers, weights, unprobed))
    return rows


def _member(
    controller: Controller,
    of: Service,
    key: ServiceKey,
    pool: Pool,
    member: Member,
    state: MemberState,
    statistics: Mapping[DestinationKey, DestinationStatistics] | None,
    weights: Mapping[DestinationKey, int],
    unprobed: Unprobed,
) -> MemberStatus:
    store = controller.store
    now = controller.store.clock()
    destination = destination_key(of, member)
    numbers = None if statistics is None else statistics.get(destination, NOT_THERE)
    checks = store.index.roster.checks.get((pool.name, member.endpoint), ()) if unprobed else ()
    silent = (unprobed.get(check.probe, "") for ways in checks for check in ways)
    return MemberStatus(
        member=member.endpoint,
        forwarding=of.forwarding_of(member),
        verdict=state.state,
        age=round(now - state.since, 1) if state.since else None,
        because=state.because,
        pinned=state.pinned and not state.drained,
        drained=state.drained,
        lingering=store.draining.lingering.get((pool.name, member.endpoint), ""),
        warning="; ".join(dict.fromkeys(filter(None, (*silent, state.warning)))),
        suspect=store.counted.suspects.get((key, destination), ""),
        share=state.share,
        weight=weights.get(destination),
        active=numbers.active if numbers else None,
        inactive=numbers.inactive if numbers else None,
        persistent=numbers.persistent if numbers else None,
        **_counted(numbers.counters if numbers else None),
    )


class _Counted(TypedDict, total=False):
    """The fields of a ``CountersStatus``."""

    connections: int
    in_packets: int
    out_packets: int
    in_bytes: int
    out_bytes: int


def _counted(counters: Counters | None) -> _Counted:
    if counters is None:
        return {}
    return {
        "connections": counters.connections,
        "in_packets": counters.in_packets,
        "out_packets": counters.out_packets,
        "in_bytes": counters.in_bytes,
        "out_bytes": counters.out_bytes,
    }


def _pools(controller: Controller) -> dict[str, PoolStatus]:
    """Return how the pools stand that a service uses; one that nobody has judged yet is not there."""
    store, standings = controller.store, controller.store.assessment.standings
    return {
        pool.name: PoolStatus(
            up=now.up,
            unknown=now.unknown,
            total=now.total,
            needs=now.needs,
            of=pool.quorum.of,
            fit=now.fit,
            sorry=now.sorry,
            panic=now.panic,
        )
        for pool in store.inventory.pools.values()
        if pool.name in store.index.keys and (now := standings.get(pool.name)) is not None
    }


def _cluster_view(controller: Controller) -> ClusterViewStatus:
    """Return who announces what, by VIP."""
    seen = controller.store.cluster_view
    if seen is None:
        return ClusterViewStatus()
    names = {d.router_id: name for name, d in controller.store.inventory.directors.items()}
    return ClusterViewStatus(
        age=round(controller.store.clock() - seen.taken_at, 1),
        warnings=tuple(FindingStatus(kind=each.kind, text=each.text) for each in seen.warnings),
        announcements={
            vip: tuple(
                AnnouncerStatus(
                    director=names.get(one.router_id, str(one.router_id)),
                    lane=one.lane,
                    cost=one.cost,
                    external=one.external,
                    alive=one.alive,
                )
                for one in announcements
            )
            for vip, announcements in seen.announcements.items()
        },
    )
