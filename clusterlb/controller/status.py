"""What an operator sees of a director: one object for the command, the socket, the metrics and the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from clusterlb import __version__
from clusterlb.controller.condition import Unprobed, announced, condition, unprobed_of
from clusterlb.controller.daemon import Controller
from clusterlb.core.member import member_state
from clusterlb.core.programme import destination_key
from clusterlb.core.rules.inside import explain
from clusterlb.drivers.interface import DriverError
from clusterlb.model.intent import Intent
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import (
    Counters,
    DestinationKey,
    DestinationStatistics,
    ServiceKey,
    ServiceStatistics,
)
from clusterlb.model.plan import Plan

AT_ONCE = 25  # members whose rows are made before the loop has its turn: half a millisecond
NOT_THERE = DestinationStatistics()
NOT_SERVED = ServiceStatistics()
COUNTERS = ("connections", "in_packets", "out_packets", "in_bytes", "out_bytes")

# None: IPVS does not answer, so nobody knows
Statistics = Mapping[ServiceKey, ServiceStatistics] | None


async def status(controller: Controller) -> dict[str, Any]:
    """Return the director's status as plain JSON-able data; times ``for`` are seconds."""
    world = controller.world
    statistics, ipvs_error = await _statistics(controller)
    unprobed = unprobed_of(controller)
    return {
        **condition(controller),
        "director": world.director.name,
        "version": __version__,
        "router_id": str(world.director.router_id),
        "cluster": world.inventory.cluster.name,
        "ipvs": {"answers": not ipvs_error, "error": ipvs_error},
        "uplinks": dict(world.health.carrier),
        "filled": {name: round(share, 1) for name, share in world.health.filled.items()},
        "director_checks": {
            name: {"verdict": v.state.value, "because": v.because.detail if v.because else ""}
            for name, v in world.health.probes.items()
        },
        "pools": {
            pool.name: _pool(controller, pool)
            for pool in world.inventory.pools.values()
            if pool.name in world.index.keys
        },
        "cluster_view": _cluster_view(controller),
        "paused": world.paused.reason if world.paused else "",
        "next_window": controller.next_window(),
        "intents": [_intent(intent) for intent in controller.intents.standing],
        "vips": [await _vip(controller, vip, statistics, unprobed) for vip in world.inventory.vips.values()],
        "snat": [
            {"address": str(address), **announced(controller, address, decision)}
            for address, decision in world.snat.own.items()
        ],
        "heartbeats": list(controller.elections.warnings),
        "two_masters": [str(one.vip) for one in controller.elections.findings],
        "ports": controller.port_use.status(),
        "inside": [explain(world.inventory, pair) for pair in sorted(world.insiders)],
        "counts": {name: world.counts[name] for name in COUNTS},
    }


COUNTS = {
    "drift": "Owned objects that others changed and that were put right",
    "ipvs_repairs": "Times that others had changed owned services of IPVS",
    "steps": "Plan steps carried out",
    "step_errors": "Plan steps that failed",
    "reloads": "Inventories taken over",
    "reload_failures": "Inventories rejected",
    "frr_configurations": "Times that FRR's configuration was changed",
}


async def _statistics(controller: Controller) -> tuple[Statistics, str]:
    """Return what IPVS counts, and why not where it does not answer."""
    try:
        return await controller.reconciler.kernel.statistics(tuple(controller.world.index.served)), ""
    except DriverError as error:
        return None, str(error)


def plan_lines(plan: Plan) -> list[str]:
    """Write each step of a plan as one line."""
    return [str(step) for step in plan]


async def _vip(
    controller: Controller, vip: Vip, statistics: Statistics, unprobed: Unprobed
) -> dict[str, Any]:
    return {
        "vip": str(vip.address),
        **announced(controller, vip.address, controller.world.decided.get(vip.address)),
        "services": [
            {
                "service": str(service.key(vip.address)),
                "pool": service.pool,
                "scheduler": service.scheduler,
                "forwarding": service.forwarding.value,
                "persistence": service.persistence,
                **_service_counted(statistics, service.key(vip.address)),
                "members": await _members(
                    controller, service, service.key(vip.address), statistics, unprobed
                ),
            }
            for service in vip.services
        ],
    }


async def _members(
    controller: Controller, of: Service, key: ServiceKey, statistics: Statistics, unprobed: Unprobed
) -> list[dict[str, Any]]:
    """Return a service's members; the loop has its turn between some and some."""
    pool = controller.world.inventory.pools.get(of.pool)
    service = controller.world.actual.services.get(key)
    weights = {d.key: d.weight for d in service.destinations} if service else {}
    found = None if statistics is None else statistics.get(key)
    numbers = None if statistics is None else dict(found.destinations) if found else {}
    rows = []
    for number, member in enumerate(pool.members if pool else ()):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        rows.append(_member(controller, of, key, cast(Pool, pool), member, numbers, weights, unprobed))
    return rows


def _member(
    controller: Controller,
    of: Service,
    key: ServiceKey,
    pool: Pool,
    member: Member,
    statistics: Mapping[DestinationKey, DestinationStatistics] | None,
    weights: Mapping[DestinationKey, int],
    unprobed: Unprobed,
) -> dict[str, Any]:
    world = controller.world
    now = controller.reconciler.clock()
    state = member_state(
        pool, member, world.index.roster, world.verdicts, world.pins, world.member_drains, now
    )
    destination = destination_key(of, member)
    numbers = None if statistics is None else statistics.get(destination, NOT_THERE)
    checks = world.index.roster.checks.get((pool.name, member.endpoint), ()) if unprobed else ()
    silent = (unprobed.get(check.probe, "") for ways in checks for check in ways)
    return {
        "member": str(member.endpoint),
        "forwarding": of.forwarding_of(member).value,
        "verdict": state.state.value,
        "for": round(now - state.since, 1) if state.since else None,
        "because": state.because,
        "pinned": state.pinned and not state.drained,
        "drained": state.drained,
        "lingering": world.lingering.get((pool.name, member.endpoint), ""),
        "warning": "; ".join(dict.fromkeys(filter(None, (*silent, state.warning)))),
        "suspect": world.suspects.get((key, destination), ""),
        "share": state.share,
        "weight": weights.get(destination),
        **_counted(numbers),
    }


def _counted(numbers: DestinationStatistics | None) -> dict[str, int | None]:
    if numbers is None:
        return {**dict.fromkeys(("active", "inactive", "persistent")), **_counters(None)}
    return {
        "active": numbers.active,
        "inactive": numbers.inactive,
        "persistent": numbers.persistent,
        **_counters(numbers.counters),
    }


def _service_counted(statistics: Statistics, key: ServiceKey) -> dict[str, int | None]:
    """Return a service's own counters: they outlive its members, whose counters go with them."""
    return _counters(None if statistics is None else statistics.get(key, NOT_SERVED).counters)


def _counters(counters: Counters | None) -> dict[str, int | None]:
    if counters is None:
        return dict.fromkeys(COUNTERS)
    return {
        "connections": counters.connections,
        "in_packets": counters.in_packets,
        "out_packets": counters.out_packets,
        "in_bytes": counters.in_bytes,
        "out_bytes": counters.out_bytes,
    }


def _pool(controller: Controller, pool: Pool) -> dict[str, Any]:
    now = controller.world.standings.get(pool.name)
    if now is None:
        return {}
    return {
        "up": now.up,
        "unknown": now.unknown,
        "total": now.total,
        "needs": now.needs,
        "of": pool.quorum.of.value,
        "fit": now.fit,
        "sorry": now.sorry,
        "panic": now.panic,
    }


def _cluster_view(controller: Controller) -> dict[str, Any]:
    """Return who announces what, by VIP."""
    seen = controller.world.cluster_view
    if seen is None:
        return {"age": None, "warnings": [], "announcements": {}}
    names = {d.router_id: name for name, d in controller.world.inventory.directors.items()}
    return {
        "age": round(controller.reconciler.clock() - seen.taken_at, 1),
        "warnings": [str(finding) for finding in seen.warnings],
        "announcements": {
            str(vip): [
                {
                    "director": names.get(one.router_id, str(one.router_id)),
                    "lane": one.lane.value if one.lane else "unknown",
                    "cost": one.cost,
                    "external": one.external,
                    "alive": one.alive,
                }
                for one in announcements
            ]
            for vip, announcements in seen.announcements.items()
        },
    }


def _intent(intent: Intent) -> dict[str, Any]:
    return {**asdict(intent), "kind": intent.kind.value}
