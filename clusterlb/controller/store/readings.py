"""What readings change in the store: of the kernel, of the director's own condition, of the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import structlog

from clusterlb.controller.store.differing import differing
from clusterlb.controller.store.events import ServicesRead, SettingsRead
from clusterlb.core.fitness import DirectorHealth, Failures, unfit_by_family
from clusterlb.core.plan import pace
from clusterlb.drivers.interface import LinkState
from clusterlb.model.address import IPAddress
from clusterlb.model.cluster_view import Announcement, ClusterView
from clusterlb.model.ospf import Lane
from clusterlb.model.rules import Rules

if TYPE_CHECKING:
    from clusterlb.controller.store.store import Store

log = structlog.get_logger()


def take_services(store: Store, read: ServicesRead) -> None:
    """Take in IPVS's services; what is ours and differs from the last reading was changed by others."""
    before, store.actual.services = store.actual.services, read.services
    if store.health.ipvs.times:
        take_health(store, replace(store.health, ipvs=Failures()))
    if store.adopted_at is None:
        return
    changed = [key for key in read.mine if read.services.get(key) != before.get(key)]
    if changed:
        store.count("ipvs_repairs")
    store.drift.services(changed, read.services, read.mine)
    store.mark_keys(changed)
    _put_right(store, map(str, changed))


def take_settings(store: Store, read: SettingsRead) -> None:
    """Take in the kernel's settings; ours are to be as the inventory needs them."""
    actual = store.actual
    actual.sysctls, actual.limits, actual.timeouts = read.sysctls, read.limits, read.timeouts
    if read.absent != store.absent:
        store.absent = read.absent
        store.mark_all()
    if store.adopted_at is not None:
        _put_right(store, (n for n, value in store.index.sysctls.items() if read.sysctls.get(n) != value))


def take_rules(store: Store, read: Rules) -> None:
    """Take in our nftables table."""
    before = store.actual.rules
    store.actual.take_rules(read)
    if store.adopted_at is not None and store.actual.rules != before:
        _put_right(store, ["nftables"])


def take_links(store: Store, found: LinkState) -> None:
    """Take in lanes, addresses, routes and carriers; the switch sees a VIP move, whoever moved it."""
    before, store.actual.links = store.actual.links, found
    if dict(found.carrier) != dict(store.health.carrier):
        take_health(store, replace(store.health, carrier=dict(found.carrier)))
    if store.adopted_at is None:
        return
    moved = differing(before.announced, found.announced)
    vips = moved | (before.local_routes ^ found.local_routes)
    names = [
        *(lane.value for lane in before.lanes ^ found.lanes),
        *map(str, before.peers ^ found.peers),
        *(device.name for device in before.devices ^ found.devices),
    ]
    note_announcements(store, moved)
    store.mark_vips(vips)
    if names:
        store.mark_all()
    _put_right(store, [*map(str, vips), *names])


def take_health(store: Store, health: DirectorHealth) -> None:
    """Take in the director's own condition; look at all VIPs again when its fitness changed."""
    before, store.health = store.health, health
    if health.adjacent - before.adjacent:
        store.mark_all()  # what was kept back for want of listeners
    if any(now == 1 != then for now, then in zip(health.failures, before.failures, strict=True)):
        log.warning("director check failed", error=health.error)
    judge_director(store)


def judge_director(store: Store) -> None:
    """Work out for which families the director is unfit; look at all VIPs again where that changes."""
    cluster, before = store.inventory.cluster, store.unfit_for
    store.unfit_for = unfit_by_family(store.health, cluster.director_checks, before, cluster.families)
    if store.unfit_for.keys() != before.keys():
        why = "; ".join(dict.fromkeys(map(str, store.unfit_for.values()))) or "all its checks pass"
        log.warning("director", fit=not store.unfit_for, because=why)
        store.mark_all()


def take_view(store: Store, seen: ClusterView) -> None:
    """Take in which director announces what; look again at the VIPs for which that has changed.

    At all of them when the look before was no evidence any more, or this one is none; and while this
    director drains, which may wait for another's last VIP, whichever that is.
    """
    before, store.cluster_view = store.cluster_view, seen
    for finding in seen.warnings:
        if before is None or str(finding) not in map(str, before.warnings):
            log.warning("cluster", finding=str(finding))
    old = before.announcements if before is not None else {}
    changed = differing(old, seen.announcements, _announcers)
    if changed and before is not None:
        store.cluster_changed_at = seen.taken_at
    if before is None or before.is_evidence(seen.taken_at) is not seen.is_evidence(seen.taken_at):
        store.mark_all()
    elif changed:
        known = store.inventory.vips.keys()
        store.mark_vips(known if None in store.in_force.drains else changed & known)


def note_announcements(store: Store, vips: Iterable[IPAddress]) -> None:
    """Note that the switch sees these announcements change now, whoever changed them."""
    for vip in vips:
        store.changes[pace.lsa(vip, store.inventory.cluster.ospf.announce)] = store.clock()


def _put_right(store: Store, names: Iterable[str]) -> None:
    """Have what others changed put right, and say so."""
    if found := list(names):
        store.count("drift", len(found))
        store.drift.put_right(found)
        store.wake()


def _announcers(announcements: Iterable[Announcement] | None) -> set[tuple[IPv4Address, Lane | None]]:
    """Return the live announcers and their lanes: what a decision may hang on."""
    return {(one.router_id, one.lane) for one in announcements or () if one.alive}
