"""How a director and its parts are, by what has been read: the part of the status that asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clusterlb.controller.daemon import Controller
from clusterlb.controller.world import World
from clusterlb.core.announce import Decision
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.health import ProbeKey

PROTOCOLS = {AddressFamily.IPV4: "OSPFv2", AddressFamily.IPV6: "OSPFv3"}
Unprobed = Mapping[ProbeKey, str]


def condition(controller: Controller) -> dict[str, Any]:
    """Return the part of the status that asks nobody: how the director and its parts are."""
    world = controller.world
    unprobed = unprobed_of(controller)
    why = "; ".join(dict.fromkeys(map(str, world.unfit_for.values())))
    return {
        "ready": controller.ready,
        "leaving": world.leaving,
        "late": {name: round(seconds, 1) for name, seconds in controller.pulse.late().items()},
        "fit": not why,
        "unfit_because": why,
        "inventory": {
            "path": str(controller.settings.inventory),
            "digest": world.inventory.digest,
            "rejected": controller.reloader.error,
        },
        "frr": {
            "answers": world.actual.frr is not None,
            "error": world.health.frr_error,
            "neighbors": [
                {
                    "router_id": n.router_id,
                    "interface": n.interface,
                    "state": n.state,
                    "protocol": PROTOCOLS[n.family],
                }
                for n in controller.readings.neighbors.seen
            ],
            "full": _full(world),
            "ospf6_error": world.health.ospf6_error,
        },
        "ipvs": {"answers": not world.health.ipvs_failures, "error": world.health.ipvs_error},
        "checks": {**getattr(controller.engine, "stats", {}), "unprobed": len(unprobed)},
        "unprobed": [f"{key.endpoint} ({key.spec.type.value}): {why}" for key, why in unprobed.items()],
        "errors": [*controller.broken, *world.errors, *_vrrp_errors(controller)],
        "rivals": controller.readings.drift.rivals,
        "vips": [
            {"vip": str(address), **announced(controller, address, world.decided.get(address))}
            for address in world.inventory.vips
        ],
    }


def _vrrp_errors(controller: Controller) -> list[str]:
    elections = controller.elections
    silent = [f"nobody knows what VRRP has elected: {elections.error}"] if elections.error else []
    return [*silent, *(f"{one.vip}: {one.text}" for one in elections.findings)]


def _full(world: World) -> dict[str, int | None]:
    """Return how many neighbours hear of what is announced, by the protocol; None: nobody has said yet.

    A protocol that is not needed is left out; ospfd is always asked, for it says whether FRR answers.
    """
    spoken = {AddressFamily.IPV4, *world.inventory.cluster.families}
    return {PROTOCOLS[family]: world.health.full(family) for family in sorted(spoken)}


def unprobed_of(controller: Controller) -> Unprobed:
    """Return the probes whose verdicts stand though nobody looks, with since when and why."""
    found: Unprobed = getattr(controller.engine, "unprobed", dict)()
    return found


def announced(controller: Controller, address: IPAddress, decision: Decision | None) -> dict[str, Any]:
    """Return the lanes that an address is on and those where it belongs, and why."""
    lanes = controller.world.announced().get(address, frozenset())
    return {
        "announced": sorted(lane.value for lane in lanes),
        "wanted": sorted(lane.value for lane in decision.lanes) if decision else [],
        "reason": decision.because.reason.value if decision else "",
        "because": decision.because.text if decision else "",
        "vrrp": controller.world.elected.get(address),
    }
