"""What decisions change in the store: of operators, checks and the inventory; and what became of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from clusterlb.controller.apply import Outcome
from clusterlb.controller.store.differing import differing
from clusterlb.controller.store.events import Anchored, Draining, InForce, Observed
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.readings import note_announcements, take_health
from clusterlb.core.anchors import read_back
from clusterlb.core.announce import Decision
from clusterlb.core.assessment import Assessment, assess, local_decisions
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.plan import pace
from clusterlb.core.snat.state import SnatState, without_gateway
from clusterlb.core.stand import unheard
from clusterlb.core.verdict import first, judge
from clusterlb.model.check import VerdictState
from clusterlb.model.health import CheckKey, Observation, Verdict
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import ConfigureFrr

if TYPE_CHECKING:
    from clusterlb.controller.store.store import Store

log = structlog.get_logger()


def take_observation(store: Store, observed: Observed) -> None:
    """Turn an observation into verdicts, and look again at the pools for which they change something."""
    probe, observation = observed
    for key, pools in store.index.roster.users.get(probe, ()):
        before = store.verdicts.get(key)
        if _judged(store, key, observation, ",".join(pools)):
            store.mark_pools(pools)
        elif before is None or before.warning != store.verdicts[key].warning:
            store.note(pools)
    for name, key in store.index.own_checks.get(probe, {}).items():
        if _judged(store, key, observation, f"director check {name}"):
            probes = {**store.health.probes, name: store.verdicts[key]}
            take_health(store, replace(store.health, probes=probes))


def _judged(store: Store, key: CheckKey, observation: Observation, users: str) -> bool:
    """Judge one check; say whether that changes what its users do."""
    before = store.verdicts.get(key) or first(key.check)
    verdict = store.verdicts[key] = judge(before, observation, key.check)
    facts = {"member": str(key.probe.endpoint), "check": key.check.probe.type.value, "pools": users}
    if key.probe.through is not None:
        facts["through"] = str(key.probe.through.vip)
    if verdict.warning and verdict.warning != before.warning:
        log.warning("check", warning=verdict.warning, **facts)
    if verdict.state is not before.state:
        was, now = before.state.value, verdict.state.value
        log.info("verdict", was=was, now=now, because=observation.detail, **facts)
        return True
    if verdict.share != before.share:
        log.info("weight", was=f"{before.share}%", now=f"{verdict.share}%", **facts)
        return True
    return False


def take_inventory(store: Store, index: Index) -> None:
    """Take in an inventory: what it has no more is forgotten, and what is new is looked at."""
    known = store.adopted_at is not None
    store.index = index
    _take_own(store)
    store.rules = store.table(index)
    store.note(index.keys)
    if not known:
        return
    probed = index.probes
    store.verdicts = {key: verdict for key, verdict in store.verdicts.items() if key.probe in probed}
    names = {probe.name for probe in index.inventory.cluster.director_checks.probes}
    probes = {name: verdict for name, verdict in store.health.probes.items() if name in names}
    take_health(store, replace(store.health, probes=probes))
    store.forget(index.keys, {*index.inventory.vips, *store.own_addresses()})
    _hear_nothing(store)
    store.mark_all()


def adopt(store: Store) -> None:
    """Take everything as it was read: a start changes nothing that is right."""
    _hear_nothing(store)
    _take_up_anchors(store)
    store.mark_all()
    pools = store.index.keys.keys()
    take_assessment(store, assess(store.inventory, store.known(), store.judge_members(), pools, ()))
    store.adopted_at = store.clock()


def _take_up_anchors(store: Store) -> None:
    """Go on with the anchors of the controller before this one."""
    if store.inventory.cluster.flow_memory:
        finder = ServiceFinder(store.index.served)
        # nobody knows when they were heard last: what a peer knows for sure is to stand
        heard = store.clock() - store.inventory.cluster.flow_memory / 2
        found = read_back(store.actual.rules, store.actual.services, finder, heard)
        store.anchors, store.bindings = found
        store.rules = store.table(store.index)


def _hear_nothing(store: Store) -> None:
    """Have no check decide by its ``initial`` verdict what verdicts have decided before."""
    silent = set(unheard(store.inventory, store.known()))
    store.verdicts.update(dict.fromkeys(silent, Verdict()))


def take_anchors(store: Store, event: Anchored) -> None:
    """Take in the flows that are to be kept on their members, and look at what that changes."""
    if event.anchors is store.anchors and event.bindings == store.bindings:
        return
    store.anchors, store.bindings = event.anchors, event.bindings
    store.rules = store.table(store.index)
    store.mark_all()


def pass_unheard(store: Store) -> None:
    """Take every check that has not spoken to have passed."""
    silent = Verdict()
    keys = {key for users in store.index.roster.users.values() for key, _ in users}
    for key in keys:
        if store.verdicts.get(key, silent) == silent:
            store.verdicts[key] = Verdict(VerdictState.UP)


def take_snat(store: Store, state: SnatState) -> None:
    """Take in what SNAT pools add; look again at what that changes."""
    before, store.snat = store.snat, state
    if state == before:
        return
    if state.part != before.part:
        store.rules = store.table(store.index)
    changed = differing(before.own, state.own, _lanes)
    _take_own(store)
    if (state.part, state.peers, state.gateway) != (before.part, before.peers, before.gateway):
        store.mark_all()
    elif changed:
        store.mark_vips(changed)


def _take_own(store: Store) -> None:
    index, snat = store.index, store.snat
    store.own = {**local_decisions(index.inventory, index.director), **snat.own}
    store.frr = index.frr if snat.gateway else without_gateway(index.frr)


def take_intents(store: Store, now: InForce) -> None:
    """Take in operators' intents that are in force, and look again at what they concern."""
    before, store.in_force = store.in_force, now
    changed = differing(before.pins, now.pins) | (before.members.keys() ^ now.members.keys())
    vips = differing(before.drains, now.drains)
    if None in before.drains and None not in now.drains:
        store.ramp = set(store.inventory.vips)
    draining = store.draining
    store.draining = Draining(
        draining.progress,
        draining.gone & now.members.keys(),
        {key: text for key, text in draining.lingering.items() if key in now.members},
    )
    store.mark_pools({pool for pool, _ in changed if pool in store.inventory.pools})
    if None in vips or (before.paused is not None and now.paused is None):
        store.mark_all()
    elif vips:
        store.mark_vips(vip for vip in vips if vip is not None)


def take_draining(store: Store, draining: Draining) -> None:
    """Take in how far drains are; look again at the VIPs that drain, and at members whose flows are gone."""
    before, store.draining = store.draining, draining
    store.mark_vips(draining.progress)
    store.mark_pools({pool for pool, _ in draining.gone - before.gone})


def take_assessment(store: Store, assessment: Assessment) -> None:
    """Take in how all stands; say what has been decided on VIPs."""
    before = store.assessed(assessment)
    for vip, now in assessment.decided.items():
        then = before.decided.get(vip)
        if now is not then and (then is None or _told(then) != _told(now)):
            lanes = ",".join(sorted(lane.value for lane in now.lanes)) or "none"
            log.info("vip", vip=str(vip), lanes=lanes, because=str(now.because))


def take_outcome(store: Store, outcome: Outcome) -> None:
    """Take in what became of a plan."""
    for key, state in outcome.services.items():
        if state is None:
            store.actual.services.pop(key, None)
        else:
            store.actual.services[key] = state
    done = tuple(outcome.done)
    store.actual.take_steps(done)
    note_announcements(store, pace.changed_vips(done))
    store.ramp -= pace.announced_vips(done)
    store.count("steps", len(done))
    if any(isinstance(step, ConfigureFrr) for step in (*done, *(error.step for error in outcome.errors))):
        store.count("frr_configurations")
        store.actual.frr = outcome.frr


def _lanes(decision: Decision | None) -> frozenset[Lane]:
    return decision.lanes if decision is not None else frozenset()


def _told(decision: Decision) -> object:
    return decision.lanes, decision.because.reason
