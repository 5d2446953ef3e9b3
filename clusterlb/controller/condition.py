"""How a director and its parts are, by what has been read: the part of the status that asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypedDict

from clusterlb.controller.daemon import Controller
from clusterlb.controller.store.store import Store
from clusterlb.core.announce import Decision
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.health import ProbeKey
from clusterlb.model.ospf import Lane, OspfVersion
from clusterlb.model.reason import Reason
from clusterlb.model.status import (
    Condition,
    FrrStatus,
    InventoryStatus,
    IpvsStatus,
    NeighborStatus,
    VipStatus,
)
from clusterlb.model.vrrp import VrrpState

Unprobed = Mapping[ProbeKey, str]


class Announced(TypedDict):
    """The fields of an ``AddressStatus``."""

    announced: tuple[Lane, ...]
    wanted: tuple[Lane, ...]
    reason: Reason | None
    because: str
    vrrp: VrrpState | None


def condition(controller: Controller) -> Condition:
    """Return how the director and its parts are, without asking anybody."""
    store = controller.store
    unprobed = controller.engine.unprobed()
    unfit, lanes = store.unfit_for.values(), store.announced()
    return Condition(
        ready=controller.ready,
        leaving=store.leaving,
        late={name: round(seconds, 1) for name, seconds in controller.pulse.late().items()},
        fit=not unfit,
        unfit_because="; ".join(dict.fromkeys(map(str, unfit))),
        inventory=InventoryStatus(
            path=str(controller.settings.inventory),
            digest=store.inventory.digest,
            rejected=controller.reloader.error,
        ),
        frr=_frr(controller),
        ipvs=IpvsStatus(answers=not store.health.ipvs.times, error=store.health.ipvs.error),
        checks=replace(controller.engine.stats, unprobed=len(unprobed)),
        unprobed=tuple(f"{key.endpoint} ({key.spec.type.value}): {why}" for key, why in unprobed.items()),
        errors=(*controller.broken, *store.errors, *_vrrp_errors(controller)),
        odd_tables=controller.odd_tables.texts(),
        rivals=store.drift.rivals,
        vips=tuple(
            VipStatus(vip=vip, **announced(store, lanes, vip, store.decided.get(vip)))
            for vip in store.inventory.vips
        ),
    )


def announced(
    store: Store, lanes: Mapping[IPAddress, frozenset[Lane]], address: IPAddress, decision: Decision | None
) -> Announced:
    """Return on which lanes an address is, of all that are on ``lanes``, and where it belongs and why."""
    return Announced(
        announced=_in_order(lanes.get(address, frozenset())),
        wanted=_in_order(decision.lanes) if decision else (),
        reason=decision.because.reason if decision else None,
        because=decision.because.text if decision else "",
        vrrp=store.elected.get(address),
    )


def _in_order(lanes: frozenset[Lane]) -> tuple[Lane, ...]:
    return tuple(lane for lane in Lane if lane in lanes)


def _frr(controller: Controller) -> FrrStatus:
    store = controller.store
    return FrrStatus(
        answers=store.actual.frr is not None,
        error=store.health.frr.error,
        neighbors=tuple(
            NeighborStatus(
                router_id=n.router_id,
                interface=n.interface,
                state=n.state,
                protocol=OspfVersion.of(n.family),
                full=n.full,
            )
            for n in controller.routing.neighbors.seen
        ),
        full={
            OspfVersion.of(family): store.health.full(family)
            for family in sorted({AddressFamily.IPV4, *store.inventory.cluster.families})
        },
        ospf6_error=store.health.ospf6d.error,
    )


def _vrrp_errors(controller: Controller) -> list[str]:
    elections = controller.elections
    silent = [f"nobody knows what VRRP has elected: {elections.error}"] if elections.error else []
    return [*silent, *(f"{one.vip}: {one.text}" for one in elections.findings)]
