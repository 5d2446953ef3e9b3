"""Everything the controller knows: the inventory, the checks' verdicts, and what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

import structlog

from clusterlb.controller.actual import Actual
from clusterlb.controller.index import Index
from clusterlb.core.announce import Decision
from clusterlb.core.desired import View, local_decisions
from clusterlb.core.drain import Progress
from clusterlb.core.fitness import DirectorHealth, unfit_by_family
from clusterlb.core.nft.part import join
from clusterlb.core.place import Surroundings
from clusterlb.core.plan import pace
from clusterlb.core.quorum import Standing
from clusterlb.core.roster import MemberKey
from clusterlb.core.snat.state import NO_SNAT, SnatState, without_gateway
from clusterlb.core.stand import unheard
from clusterlb.core.vrrp import stood
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.check import VerdictState
from clusterlb.model.cluster_view import Announcement, ClusterView
from clusterlb.model.health import CheckKey, Verdict
from clusterlb.model.intent import Drain, Pause
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.ipvs import DestinationKey, ServiceKey
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because
from clusterlb.model.rules import NO_RULES, Element, Rules
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpState

SETTLED = 30.0  # seconds after a start: the checks have spoken, of what still answers

log = structlog.get_logger()


@dataclass(slots=True)
class Dirty:
    """What has to be looked at again."""

    everything: bool = False
    pools: set[str] = field(default_factory=set)
    keys: set[ServiceKey] = field(default_factory=set)
    vips: set[IPAddress] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.everything or self.pools or self.keys or self.vips)


@dataclass(slots=True)
class World:
    """The controller's memory; only the reconciler and the readings write to it.

    Marking something as dirty wakes the loop: nothing that has to be looked at waits for another event.
    """

    inventory: Inventory
    director: Director
    index: Index = field(init=False)
    frr: tuple[FrrLine, ...] = ()
    wanted_frr: tuple[FrrLine, ...] = ()
    actual: Actual = field(default_factory=Actual)
    verdicts: dict[CheckKey, Verdict] = field(default_factory=dict)
    pins: dict[MemberKey, VerdictState] = field(default_factory=dict)
    drains: dict[IPAddress | None, Drain] = field(default_factory=dict)
    progress: dict[IPAddress, Progress] = field(default_factory=dict)
    member_intents: dict[MemberKey, Drain] = field(default_factory=dict)
    member_drains: dict[MemberKey, bool] = field(default_factory=dict)
    lingering: dict[MemberKey, str] = field(default_factory=dict)  # what members that drain wait for in vain
    paused: Pause | None = None
    ramp: set[IPAddress] = field(default_factory=set)  # VIPs that come back a few at a time
    cluster_view: ClusterView | None = None
    cluster_changed_at: float = float("-inf")
    idle: dict[ServiceKey, frozenset[DestinationKey]] = field(default_factory=dict)
    emptying: dict[ServiceKey, dict[DestinationKey, float]] = field(default_factory=dict)
    suspects: dict[tuple[ServiceKey, DestinationKey], str] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    decided: dict[IPAddress, Decision] = field(default_factory=dict)
    elected: dict[IPAddress, VrrpState] = field(default_factory=dict)  # by VRRP
    health: DirectorHealth = field(default_factory=DirectorHealth)
    unfit_for: dict[AddressFamily, Because] = field(default_factory=dict)
    unprogrammed: dict[IPAddress, str] = field(default_factory=dict)
    rules: Rules = NO_RULES
    snat: SnatState = NO_SNAT
    own: dict[IPAddress, Decision] = field(default_factory=dict)
    absent: frozenset[IPAddress] = frozenset()
    hairpins: frozenset[Element] = frozenset()  # members that call a VIP of their own pool, with the VIP
    adopted_at: float | None = None
    changes: dict[pace.Lsa, float] = field(default_factory=dict)
    dirty: Dirty = field(default_factory=Dirty)
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    leaving: bool = False
    wake: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.take_index(Index(self.inventory, self.director), self.frr)

    def take_index(self, index: Index, frr: tuple[FrrLine, ...]) -> None:
        """Take in an inventory by what follows from it, and what it renders to for FRR."""
        self.inventory, self.director, self.index, self.frr = index.inventory, index.director, index, frr
        self._take_own()
        self.rules = self.table(index)

    def table(self, index: Index) -> Rules:
        """Return our nftables table for an inventory, as things are."""
        return join((*index.parts, self.snat.part))

    def take_snat(self, state: SnatState) -> None:
        """Take in what SNAT pools add; look again at what that changes."""
        before, self.snat = self.snat, state
        if state == before:
            return
        if state.part != before.part:
            self.rules = self.table(self.index)
        changed = {
            address
            for address in {*before.own, *state.own}
            if _lanes(before.own.get(address)) != _lanes(state.own.get(address))
        }
        self._take_own()
        if (state.part, state.peers, state.gateway) != (before.part, before.peers, before.gateway):
            self.mark_all()
        elif changed:
            self.mark_vips(changed)

    def _take_own(self) -> None:
        self.own = {**local_decisions(self.inventory, self.director), **self.snat.own}
        self.wanted_frr = self.frr if self.snat.gateway else without_gateway(self.frr)

    @property
    def unfit(self) -> Because | None:
        """Return why the director must not announce anything at all; None where some family's VIPs may be."""
        known = [self.unfit_for.get(family) for family in sorted(self.inventory.cluster.families)]
        return known[0] if known and all(known) else None

    def vips_of(self, key: ServiceKey) -> frozenset[IPAddress]:
        """Return the VIPs that a service belongs to."""
        return self.index.vips(key)

    def own_addresses(self) -> set[IPAddress]:
        """Return every address that is announced from here or was: VIPs, and the director's own."""
        return {*self.inventory.vips, *self.own, *self.actual.vips()}

    def view(self, now: float) -> View:
        """Return what decisions are made from; ``now`` is in seconds of the observations' clock."""
        return View(
            roster=self.index.roster,
            now=now,
            verdicts=self.verdicts,
            pins=self.pins,
            drains=self.member_drains,
            around=self.around(now),
            standings=self.standings,
            services=self.actual.services,
            idle=self.idle,
            emptying=self.emptying,
            director_unfit=self.unfit_for,
            unprogrammed=self.unprogrammed,
            frr=self.wanted_frr,
            groups=self.index.groups,
            decided=self.decided,
            peers=self.snat.peers,
            sysctls={**self.index.sysctls, **self.actual.raised(self.index.limits)},
            timeouts=self.inventory.cluster.timeouts,
            rules=self.rules,
            own=self.own,
            absent=self.absent,
            settled=self.adopted_at is not None and now >= self.adopted_at + SETTLED,
        )

    def hear_nothing(self, now: float) -> None:
        """Have no check decide by its ``initial`` verdict what verdicts have decided before."""
        silent = set(unheard(self.inventory, self.view(now)))
        self.verdicts.update(dict.fromkeys(silent, Verdict()))

    def ready_at(self, vip: IPAddress) -> float:
        """Return when a VIP's announcement may change again; a start counts as a change of all."""
        ospf = self.inventory.cluster.ospf
        return pace.ready_at(self.changes.get(pace.lsa(vip, ospf.announce), self.adopted_at), ospf.pace)

    def all_ready_at(self) -> float:
        """Return when every announcement may change again."""
        last = max((*self.changes.values(), self.adopted_at or float("-inf")))
        return pace.ready_at(last, self.inventory.cluster.ospf.pace)

    def changed(self, vips: Iterable[IPAddress], now: float) -> None:
        """Note that the switch has seen these announcements change, whoever changed them."""
        for vip in vips:
            self.changes[pace.lsa(vip, self.inventory.cluster.ospf.announce)] = now

    def around(self, now: float) -> Surroundings:
        """Return what is known of the other directors, and of this one's drains."""
        return Surroundings(
            own=self.director.router_id,
            now=now,
            view=self.cluster_view,
            announced=self.announced(),
            drains=self.drains,
            adjacent=self.health.adjacent,
            progress=self.progress,
            masters=frozenset(vip for vip, state in self.elected.items() if state is VrrpState.MASTER),
        )

    def announced(self) -> dict[IPAddress, frozenset[Lane]]:
        """Return what clients are sent here for: by OSPF, or by VRRP as soon as this director is elected."""
        links = self.actual.links
        return {**links.announced, **stood(self.actual.frr or (), self.index.groups, links.devices)}

    def health_changed(self, **fields: object) -> None:
        """Take in the director's own condition; look at all VIPs again when its fitness changed."""
        first = {name for name, value in fields.items() if name.endswith("failures") and value == 1}
        adjacent = self.health.adjacent
        self.health = replace(self.health, **fields)  # type: ignore[arg-type]  # names are checked by replace
        if self.health.adjacent - adjacent:
            self.mark_all()  # what was kept back for want of listeners
        if first:
            log.warning("director check failed", error=self.health.error)
        self._judge()

    def _judge(self) -> None:
        """Work out for which families the director is unfit; look at all VIPs again where that changes."""
        cluster, before = self.inventory.cluster, self.unfit_for
        self.unfit_for = unfit_by_family(self.health, cluster.director_checks, before, cluster.families)
        if self.unfit_for.keys() != before.keys():
            why = "; ".join(dict.fromkeys(map(str, self.unfit_for.values()))) or "all its checks pass"
            log.warning("director", fit=not self.unfit_for, because=why)
            self.mark_all()

    def take_view(self, seen: ClusterView) -> None:
        """Take in who announces what; look again at the VIPs for which that has changed.

        At all of them when the look before was no evidence any more, or this one is none; and while this
        director drains, which may wait for another's last VIP, whichever that is.
        """
        before, self.cluster_view = self.cluster_view, seen
        for finding in seen.warnings:
            if before is None or str(finding) not in map(str, before.warnings):
                log.warning("cluster", finding=str(finding))
        old = before.announcements if before is not None else {}
        changed = {
            vip
            for vip in {*old, *seen.announcements}
            if _who(old.get(vip)) != _who(seen.announcements.get(vip))
        }
        if changed and before is not None:
            self.cluster_changed_at = seen.taken_at
        if before is None or before.is_evidence(seen.taken_at) is not seen.is_evidence(seen.taken_at):
            self.mark_all()
        elif changed:
            known = self.inventory.vips.keys()
            self.mark_vips(known if None in self.drains else changed & known)

    def take_intents(
        self,
        pins: dict[MemberKey, VerdictState],
        drains: dict[IPAddress | None, Drain],
        members: dict[MemberKey, Drain],
        *,
        paused: Pause | None,
    ) -> None:
        """Take in operators' intents that are in force, and look again at what they concern."""
        changed = {key for key in {*pins, *self.pins} if pins.get(key) is not self.pins.get(key)}
        changed |= members.keys() ^ self.member_intents.keys()
        vips = {vip for vip in {*drains, *self.drains} if drains.get(vip) != self.drains.get(vip)}
        if None in self.drains and None not in drains:
            self.ramp = set(self.inventory.vips)
        resumed = self.paused is not None and paused is None
        self.pins, self.drains, self.member_intents, self.paused = pins, drains, members, paused
        self.member_drains = {key: self.member_drains.get(key, False) for key in members}
        self.lingering = {key: text for key, text in self.lingering.items() if key in members}
        self.mark_pools({pool for pool, _ in changed if pool in self.inventory.pools})
        if resumed or None in vips:
            self.mark_all()
        elif vips:
            self.mark_vips(vip for vip in vips if vip is not None)

    def mark_pools(self, names: Iterable[str]) -> None:
        """Look at pools, their services and their VIPs again."""
        for name in names:
            self.dirty.pools.add(name)
            self.mark_keys(self.index.keys[name])

    def mark_keys(self, keys: Iterable[ServiceKey]) -> None:
        """Look at services and their VIPs again."""
        keys = tuple(keys)
        self.dirty.keys.update(keys)
        self.mark_vips(vip for key in keys for vip in self.index.vips(key))

    def mark_vips(self, vips: Iterable[IPAddress]) -> None:
        """Look at VIPs again."""
        self.dirty.vips.update(vips)
        self.wake()

    def mark_all(self) -> None:
        """Look at everything again."""
        self.dirty.everything = True
        self.wake()


def _lanes(decision: Decision | None) -> frozenset[Lane]:
    return decision.lanes if decision is not None else frozenset()


def _who(announcements: Iterable[Announcement] | None) -> set[tuple[IPv4Address, Lane | None]]:
    """Return the live announcers and their lanes: what a decision may hang on."""
    return {(one.router_id, one.lane) for one in announcements or () if one.alive}
