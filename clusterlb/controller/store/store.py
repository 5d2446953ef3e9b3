"""What the controller knows, and the one writer of it: events go in, tables come out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import assert_never

import structlog

from clusterlb.controller.apply import Outcome
from clusterlb.controller.store import events
from clusterlb.controller.store.actual import Actual
from clusterlb.controller.store.decisions import (
    adopt,
    pass_unheard,
    take_anchors,
    take_assessment,
    take_draining,
    take_intents,
    take_inventory,
    take_observation,
    take_outcome,
    take_snat,
)
from clusterlb.controller.store.differing import differing
from clusterlb.controller.store.dirty import Dirty
from clusterlb.controller.store.drift import Drift
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.readings import (
    take_health,
    take_links,
    take_rules,
    take_services,
    take_settings,
    take_view,
)
from clusterlb.core.announce import Decision
from clusterlb.core.assessment import Assessment, judged
from clusterlb.core.fitness import DirectorHealth
from clusterlb.core.known import Known
from clusterlb.core.nft.anchored import anchored
from clusterlb.core.nft.part import join
from clusterlb.core.place import Surroundings
from clusterlb.core.plan import pace
from clusterlb.core.snat.state import NO_SNAT, SnatState
from clusterlb.core.vrrp import stood
from clusterlb.drivers.interface import LinkState
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.anchor import Anchors, Bindings
from clusterlb.model.cluster_view import ClusterView
from clusterlb.model.health import CheckKey, Verdict
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.ipvs import DestinationKey, ServiceKey
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because
from clusterlb.model.rules import NO_RULES, Element, Rules
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpState

SETTLED = 30.0  # seconds after a start: the checks have spoken, of what still answers
TROUBLES = 20  # texts of failed steps that are kept

log = structlog.get_logger()


@dataclass(slots=True)
class Store:
    """The controller's memory. Others read its tables; ``handle`` and what this file has beside it write.

    An event marks what it concerns as dirty and calls ``wake``: nothing that has to be looked at waits for
    another event. ``clock`` is the observations', in seconds.
    """

    index: Index
    clock: Callable[[], float] = time.monotonic
    wake: Callable[[], None] = lambda: None
    # read, observed and decided elsewhere
    actual: Actual = field(default_factory=Actual)
    verdicts: dict[CheckKey, Verdict] = field(default_factory=dict)
    health: DirectorHealth = field(default_factory=DirectorHealth)
    in_force: events.InForce = field(default_factory=events.InForce)
    draining: events.Draining = field(default_factory=events.Draining)
    cluster_view: ClusterView | None = None
    cluster_changed_at: float = float("-inf")
    elected: Mapping[IPAddress, VrrpState] = field(default_factory=dict)  # by VRRP
    snat: SnatState = NO_SNAT
    counted: events.Counted = field(default_factory=events.Counted)
    emptying: dict[ServiceKey, Mapping[DestinationKey, float]] = field(default_factory=dict)
    anchors: Anchors = field(default_factory=dict)
    bindings: Bindings = field(default_factory=dict)
    hairpins: frozenset[Element] = frozenset()
    absent: frozenset[IPAddress] = frozenset()
    unprogrammed: dict[IPAddress, str] = field(default_factory=dict)
    withheld: Mapping[IPAddress, Because] = field(default_factory=dict)
    adopted_at: float | None = None
    leaving: bool = False
    errors: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    # what follows
    rules: Rules = NO_RULES
    frr: tuple[FrrLine, ...] = ()
    own: dict[IPAddress, Decision] = field(default_factory=dict)
    unfit_for: dict[AddressFamily, Because] = field(default_factory=dict)
    changes: dict[pace.Lsa, float] = field(default_factory=dict)  # when the switch saw each LSA change last
    ramp: set[IPAddress] = field(default_factory=set)  # VIPs that come back a few at a time
    dirty: Dirty = field(default_factory=Dirty)
    drift: Drift = field(init=False)
    _assessment: Assessment = field(default_factory=Assessment)
    _stale: set[str] = field(default_factory=set)  # pools whose members are to be judged anew, and those
    _seen: set[str] = field(default_factory=set)  # of whose members there is news that decides nothing

    def __post_init__(self) -> None:
        self.drift = Drift(self.clock)
        take_inventory(self, self.index)

    def handle(self, event: events.Event) -> None:  # noqa: PLR0912, PLR0915 - a table
        """Take in an event, and have looked at again what it concerns."""
        match event:
            case events.Observed():
                take_observation(self, event)
            case Outcome():
                take_outcome(self, event)
            case Assessment():
                take_assessment(self, event)
            case events.ServicesRead():
                take_services(self, event)
            case LinkState():
                take_links(self, event)
            case events.SettingsRead():
                take_settings(self, event)
            case Rules():
                take_rules(self, event)
            case events.FrrRead(lines):
                before, self.actual.frr = self.actual.frr, lines
                if lines is not None and lines != before:
                    self.mark_all()
            case DirectorHealth():
                take_health(self, event)
            case ClusterView():
                take_view(self, event)
            case events.Elected(states):
                self.elected = states
            case SnatState():
                take_snat(self, event)
            case events.InForce():
                take_intents(self, event)
            case events.Draining():
                take_draining(self, event)
            case events.Counted():
                self.counted = event
            case events.Emptying(service, until):
                self.emptying.pop(service, None)
                if until:
                    self.emptying[service] = until
            case events.Anchored():
                take_anchors(self, event)
            case events.HairpinsSeen(pairs):
                self.hairpins = pairs
            case events.Unprogrammed(vip, because):
                if because:
                    self.unprogrammed[vip] = because
                    self.mark_vips([vip])
                elif self.unprogrammed.pop(vip, ""):
                    self.mark_vips([vip])
            case events.Withheld(vips):
                self.mark_vips(differing(self.withheld, vips))
                self.withheld = vips
            case Index():
                take_inventory(self, event)
            case events.Adopted():
                adopt(self)
            case events.GoingDown():
                self.leaving = True
            case events.Troubles(texts):
                for text in texts:
                    if text not in self.errors:
                        log.error("step failed", error=text)
                self.errors = texts[:TROUBLES]
            case _:
                assert_never(event)

    def twin(self, index: Index) -> Store:
        """Return a store that knows the same, with another inventory in force whose new checks have passed.

        What becomes of the twin changes nothing here.
        """
        twin = copy(self)
        twin.wake = lambda: None
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, dict | set | Actual | Drift):
                setattr(twin, each.name, copy(value))
        twin.actual.services = dict(self.actual.services)
        twin.dirty = Dirty()
        take_inventory(twin, index)
        pass_unheard(twin)
        return twin

    # what is known

    @property
    def inventory(self) -> Inventory:
        """Return the inventory in force."""
        return self.index.inventory

    @property
    def director(self) -> Director:
        """Return this director."""
        return self.index.director

    @property
    def paused(self) -> bool:
        """Say whether an operator has the controller watch and change nothing."""
        return self.in_force.paused is not None

    @property
    def unfit(self) -> Because | None:
        """Return why the director must not announce anything at all; None where some family's VIPs may be."""
        known = [self.unfit_for.get(family) for family in sorted(self.inventory.cluster.families)]
        return known[0] if known and all(known) else None

    @property
    def assessment(self) -> Assessment:
        """Return how all stands: members as of now, pools and VIPs as of the last cycle."""
        self._stale |= self._seen
        self._seen = set()
        return self.judge_members()

    @property
    def decided(self) -> Mapping[IPAddress, Decision]:
        """Return what the last cycle decided on VIPs, and on addresses of the director's own."""
        return self._assessment.decided

    def judge_members(self, known: Known | None = None) -> Assessment:
        """Return the assessment with those members judged anew for which something may be decided anew.

        ``known`` is what is known now, where the caller has it already.
        """
        if self._stale:
            stale = self._stale & self.index.keys.keys()
            self._assessment = judged(self.inventory, known or self.known(), self._assessment, stale)
            self._stale = set()
        return self._assessment

    def vips_of(self, key: ServiceKey) -> frozenset[IPAddress]:
        """Return the VIPs that a service belongs to."""
        return self.index.vips(key)

    def owned(self) -> set[ServiceKey]:
        """Return every service that is to be in the kernel."""
        return {*self.index.owned, *self.bindings}

    def own_addresses(self) -> set[IPAddress]:
        """Return every address that is announced from here or was: VIPs, and the director's own."""
        return {*self.inventory.vips, *self.own, *self.actual.vips()}

    def table(self, index: Index) -> Rules:
        """Return our nftables table for an inventory, as things are."""
        return join((anchored(self.anchors, self.bindings), *index.parts, self.snat.part))

    def known(self) -> Known:
        """Return what decisions are made from."""
        now = self.clock()
        return Known(
            roster=self.index.roster,
            now=now,
            verdicts=self.verdicts,
            pins=self.in_force.pins,
            drains={key: key in self.draining.gone for key in self.in_force.members},
            around=self.around(),
            services=self.actual.services,
            idle=self.counted.idle,
            emptying=self.emptying,
            bindings=self.bindings,
            director_unfit=self.unfit_for,
            unprogrammed=self.unprogrammed,
            withheld=self.withheld,
            frr=self.frr,
            groups=self.index.groups,
            peers=self.snat.peers,
            sysctls={**self.index.sysctls, **self.actual.raised(self.index.limits)},
            timeouts=self.inventory.cluster.timeouts,
            rules=self.rules,
            own=self.own,
            absent=self.absent,
            settled=self.adopted_at is not None and now >= self.adopted_at + SETTLED,
        )

    def around(self) -> Surroundings:
        """Return what is known of the other directors, and of this one's drains."""
        return Surroundings(
            own=self.director.router_id,
            now=self.clock(),
            view=self.cluster_view,
            announced=self.announced(),
            drains=self.in_force.drains,
            adjacent=self.health.adjacent,
            progress=self.draining.progress,
            masters=frozenset(vip for vip, state in self.elected.items() if state is VrrpState.MASTER),
        )

    def announced(self) -> dict[IPAddress, frozenset[Lane]]:
        """Return what clients are sent here for: by OSPF, or by VRRP as soon as this director is elected."""
        links = self.actual.links
        return {**links.announced, **stood(self.actual.frr or (), self.index.groups, links.devices)}

    def ready_at(self, vip: IPAddress) -> float:
        """Return when a VIP's announcement may change again; a start counts as a change of all."""
        ospf = self.inventory.cluster.ospf
        return pace.ready_at(self.changes.get(pace.lsa(vip, ospf.announce), self.adopted_at), ospf.pace)

    def all_ready_at(self) -> float:
        """Return when every announcement may change again."""
        last = max((*self.changes.values(), self.adopted_at or float("-inf")))
        return pace.ready_at(last, self.inventory.cluster.ospf.pace)

    # what is dirty

    def mark_pools(self, names: Iterable[str]) -> None:
        """Look at pools, their services and their VIPs again."""
        for name in self.index.keys.keys() & set(names):
            self._stale.add(name)
            self.dirty.pools.add(name)
            self.mark_keys(self.index.keys[name])

    def mark_keys(self, keys: Iterable[ServiceKey]) -> None:
        """Look at services and their VIPs again; nothing to look at wakes nobody."""
        if keys := set(keys):
            self.dirty.keys |= keys
            self.dirty.vips.update(vip for key in keys for vip in self.index.vips(key))
            self.wake()

    def mark_vips(self, vips: Iterable[IPAddress]) -> None:
        """Look at VIPs again."""
        if vips := set(vips):
            self.dirty.vips |= vips
            self.wake()

    def mark_all(self) -> None:
        """Look at everything again."""
        self.dirty.everything = True
        self._stale.update(self.index.keys)
        self.wake()

    def note(self, pools: Iterable[str]) -> None:
        """Have a status show what is new of these pools' members; it decides nothing."""
        self._seen.update(pools)

    def assessed(self, assessment: Assessment) -> Assessment:
        """Put an assessment in the place of the last one, and return that."""
        before, self._assessment = self._assessment, assessment
        return before

    def forget(self, pools: Collection[str], vips: Collection[IPAddress]) -> None:
        """Forget how others than these stood."""
        self._assessment = self._assessment.only(pools, vips)

    def take_dirty(self) -> Dirty:
        """Return what has to be looked at again; from then on nothing has."""
        dirty, self.dirty = self.dirty, Dirty()
        return dirty

    def count(self, name: str, by: int = 1) -> None:
        """Count something, for the metrics."""
        self.counts[name] += by
