"""Anchor strays, and let go of anchors whose flows have ended, fallen silent or lost their member."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.events import Anchored
from clusterlb.controller.store.store import Store
from clusterlb.core.anchors import MOST, bindings, kept, noted_flow, renewed, stands
from clusterlb.core.census import Census
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.nft.anchored import SPOKE, notes
from clusterlb.core.sightings import merged, remembered
from clusterlb.drivers.interface import DriverError
from clusterlb.model.anchor import Anchors, Binding, Sighting
from clusterlb.model.check import VerdictState
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import ServiceKey

EVERY = 20.0  # seconds between two looks at what the kernel has noted; the notes live for minutes

log = structlog.get_logger()


@dataclass(slots=True)
class Anchoring:
    """Hands the store the anchors that there are to be. Without any it asks the kernel nothing.

    ``tell`` is given what this director sees of anchored flows. ``over``: when flows have ended, for as long
    as somebody may say something older of them.
    """

    store: Store
    kernel: Kernel
    tell: Callable[[Collection[Sighting]], None] = lambda _: None
    over: dict[Flow, float] = field(default_factory=dict)
    _due: float = 0.0
    _told_full: bool = field(default=False)

    @property
    def on(self) -> bool:
        """Say whether flows are anchored at all."""
        return self.store.inventory.cluster.flow_memory > 0

    def take(self, found: Census, finder: ServiceFinder, coming: Collection[ServiceKey] = ()) -> None:
        """Anchor the strays that a census has found.

        Those of ``coming`` services are by a table that is not in force yet: their flows keep their anchors.
        """
        if not self.on:
            return
        before, now = self.store.anchors, self.store.clock()
        if coming:
            settled = (entry for entry in found.settled if finder.service_of(entry.flow) not in coming)
            found = found._replace(settled=tuple(settled))
        timeouts = self.store.actual.timeouts
        after, seen = renewed(
            before, found, finder, now=now, stands=self._stands(), timeouts=timeouts, over=self.over
        )
        full = len(after) >= MOST and len(found.strays) > len(after)
        if full and not self._told_full:
            log.error("not all strays are anchored", anchors=len(after), strays=len(found.strays))
        self._told_full = full
        self._tell(seen)
        self._hand_over(after)

    def receive(self, seen: Iterable[Sighting]) -> int:
        """Take in what peers have seen, and return how much of it is of no use here."""
        if not self.on:
            return 0
        store = self.store
        found = merged(
            store.anchors,
            self.over,
            seen,
            ServiceFinder(store.index.served),
            now=store.clock(),
            memory=store.inventory.cluster.flow_memory,
            stands=self._stands(),
        )
        self.over = found.over
        if found.anchors != store.anchors:
            self._hand_over(found.anchors)
        return found.unusable

    def known(self) -> Iterator[Sighting]:
        """Yield all that is known of anchored flows, whoever has seen it."""
        for flow, anchor in self.store.anchors.items():
            yield Sighting(flow, anchor.binding.destination, anchor.heard)
        for flow, at in self.over.items():
            yield Sighting(flow, None, at)

    async def look(self) -> None:
        """Take in what the kernel has noted of the anchored flows, and what has become of their members."""
        store = self.store
        self.over = remembered(self.over, store.clock())
        if not store.anchors and not store.bindings:
            return
        now = store.clock()
        heard: set[Flow] = set()
        over: set[Flow] = set()
        idle: set[ServiceKey] = set()
        if now >= self._due:
            self._due = now + EVERY
            try:
                for noted, name, protocol in tuple(notes(store.anchors)):
                    flows = {noted_flow(protocol, key) for key in await self.kernel.noted(name)}
                    (heard if noted == SPOKE else over).update(flows)
                idle = await self._idle()
            except DriverError as error:
                log.warning("anchors are not looked at", problem=str(error))
                return
        memory = store.inventory.cluster.flow_memory
        before, heard = store.anchors, heard - over
        after = kept(before, now=now, memory=memory, stands=self._stands(), heard=heard, over=over)
        self._tell([Sighting(flow, None, now) for flow in over if flow in before])
        self._tell([Sighting(f, after[f].binding.destination, now) for f in heard if f in after])
        if after is not before or idle:
            self._hand_over(after, idle)

    def _tell(self, seen: Collection[Sighting]) -> None:
        """Remember the ends of flows, and tell of all that was seen."""
        self.over.update((each.flow, each.at) for each in seen if each.destination is None)
        self.tell(seen)

    def _hand_over(self, anchors: Anchors, idle: Collection[ServiceKey] = ()) -> None:
        used = {anchor.binding for anchor in anchors.values()}
        there = {
            key: binding for key, binding in self.store.bindings.items() if binding in used or key not in idle
        }
        self.store.handle(Anchored(anchors, bindings(there, anchors)))

    async def _idle(self) -> set[ServiceKey]:
        """Return the private services that no anchor leads to any more and that have no connections."""
        used = {anchor.binding for anchor in self.store.anchors.values()}
        spare = [key for key, binding in self.store.bindings.items() if binding not in used]
        numbers = await self.kernel.statistics(spare) if spare else {}
        busy = {
            key for key, found in numbers.items() if any(n.active + n.inactive for _, n in found.destinations)
        }
        return set(spare) - busy

    def _stands(self) -> Callable[[Binding], bool]:
        """Return who says whether a binding's member may keep its flows: one that drains may."""
        store = self.store
        members = store.judge_members().members

        def alive(pool: str, number: int) -> bool:
            state = members[pool][number]
            return not state.gone and (state.drained or state.state is not VerdictState.DOWN)

        return lambda binding: stands(store.inventory, store.index.served, binding, alive)
