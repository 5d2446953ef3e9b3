"""Anchor strays, and let go of anchors whose flows have ended, fallen silent or lost their member."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.events import Anchored
from clusterlb.controller.store.store import Store
from clusterlb.core.anchors import MOST, bindings, kept, noted_flow, renewed, stands
from clusterlb.core.census import Census
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.nft.anchored import SPOKE, notes
from clusterlb.drivers.interface import DriverError
from clusterlb.model.anchor import Anchors, Binding
from clusterlb.model.check import VerdictState
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import ServiceKey

EVERY = 20.0  # seconds between two looks at what the kernel has noted; the notes live for minutes

log = structlog.get_logger()


@dataclass(slots=True)
class Anchoring:
    """Hands the store the anchors that there are to be. Without any it asks the kernel nothing."""

    store: Store
    kernel: Kernel
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
            settled = (flow for flow in found.settled if finder.service_of(flow) not in coming)
            found = found._replace(settled=frozenset(settled))
        after = renewed(before, found, finder, now=now, stands=self._stands())
        full = len(after) >= MOST and len(found.strays) > len(after)
        if full and not self._told_full:
            log.error("not all strays are anchored", anchors=len(after), strays=len(found.strays))
        self._told_full = full
        self._hand_over(after)

    async def look(self) -> None:
        """Take in what the kernel has noted of the anchored flows, and what has become of their members."""
        store = self.store
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
        after = kept(
            store.anchors, now=now, memory=memory, stands=self._stands(), heard=heard - over, over=over
        )
        if after is not store.anchors or idle:
            self._hand_over(after, idle)

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
