"""How far drains are: since when a VIP has been in the drained lane, and whether flows still come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.store.events import Draining
from clusterlb.controller.store.store import Store
from clusterlb.core.anchors import together
from clusterlb.core.drain import Progress, lingering
from clusterlb.core.programme import destination_key
from clusterlb.core.roster import MemberKey
from clusterlb.drivers.interface import DriverError
from clusterlb.model.address import IPAddress
from clusterlb.model.anchor import Binding
from clusterlb.model.ipvs import (
    DestinationKey,
    DestinationStatistics,
    Protocol,
    ServiceKey,
    ServiceStatistics,
)
from clusterlb.model.ospf import Lane

# seconds that flows of a VIP have to move whose packets are counted together with others' (IPVS counts by
# service, and the VIPs of a group are one): several times what a switch takes for another route
SHARED = 10.0
UDP_LIFETIME = 300  # seconds; the kernel's own, where the inventory has no `timeouts` (ip_vs_proto_udp.c)

log = structlog.get_logger()


@dataclass(slots=True)
class Drains:
    """Says how far drains are; asks the kernel for nothing while nothing drains.

    ``wall``: intents' clock. ``counted``: whether it is known which flows of these services are to be
    anchored; before that nobody is gone.
    """

    store: Store
    kernel: Kernel
    wall: Callable[[], float]
    counted: Callable[[Collection[ServiceKey]], bool] = lambda _: True
    _packets: dict[IPAddress, int] = field(default_factory=dict)

    async def look(self) -> None:
        """Take in the counters of what drains, and have it looked at again."""
        vips = set(self._vips())
        members = self.store.in_force.members
        before = self.store.draining
        self._packets = {vip: packets for vip, packets in self._packets.items() if vip in vips}
        if before.progress.keys() - vips:
            progress = {vip: found for vip, found in before.progress.items() if vip in vips}
            self.store.handle(replace(before, progress=progress))
        if not vips and not members:
            return
        keys = {key for key, carried in self.store.index.carriers.items() if carried & vips}
        keys |= {key for pool, _ in members for key in self.store.index.keys.get(pool, ())}
        private = {key: binding for key, binding in self.store.bindings.items() if binding.service in keys}
        try:
            read = await self.kernel.statistics({*keys, *private}) if keys else {}
        except DriverError:
            return  # the readings of the services say so
        numbers = together(read, private)
        now = self.store.draining  # an operator may have taken a drain back meanwhile
        members = self.store.in_force.members
        gone = now.gone | {key for key in members if key not in now.gone and self._is_gone(key, numbers)}
        lingering = {key: why for key in members if key not in gone and (why := self._lingers(key, numbers))}
        for key in lingering.keys() - now.lingering.keys():
            why = lingering[key]
            log.warning("a drain waits for flows that do not end", member=f"{key[0]}/{key[1]}", because=why)
        progress = {vip: self._progress(vip, numbers) for vip in vips}
        self.store.handle(Draining(progress, frozenset(gone), lingering))

    def _vips(self) -> Iterator[IPAddress]:
        """Yield the VIPs that drain and are in the drained lane."""
        for vip in self.store.inventory.vips:
            if vip in self.store.in_force.drains or None in self.store.in_force.drains:
                lanes = self.store.actual.links.announced.get(vip, frozenset())
                if lanes == {Lane.DRAINED}:
                    yield vip

    def _progress(self, vip: IPAddress, numbers: Mapping[ServiceKey, ServiceStatistics]) -> Progress:
        """Return how far a VIP's drain is."""
        now, drains = self.store.clock(), self.store.in_force.drains
        intent = drains.get(vip) or drains.get(None)
        before = self.store.draining.progress.get(vip) or Progress(moved_at=now)
        packets = sum(
            s.counters.in_packets for key, s in numbers.items() if vip in self.store.index.vips(key)
        )
        quiet = before.quiet_since if packets == self._packets.get(vip) else None
        if self._shared(vip) and before.moved_at is not None and now - before.moved_at >= SHARED:
            quiet = before.moved_at  # what still comes is for the others
        self._packets[vip] = packets
        deadline = None
        if intent is not None and intent.patience is not None:
            deadline = now + (intent.began + intent.patience - self.wall())
        return Progress(before.moved_at, quiet if quiet is not None else now, deadline)

    def _shared(self, vip: IPAddress) -> bool:
        """Say whether others that do not drain have their packets counted together with a VIP's."""
        group = {other for vips in self.store.index.carriers.values() if vip in vips for other in vips}
        return any(
            self.store.actual.links.announced.get(other, frozenset()) - {Lane.DRAINED}
            for other in group - {vip}
        )

    def _is_gone(self, key: MemberKey, numbers: Mapping[ServiceKey, ServiceStatistics]) -> bool:
        """Say whether a member's last connection has ended, or the member has had its time."""
        names = self._names(key)
        rows = _rows(names, numbers).values()
        intent = self.store.in_force.members[key]
        late = intent.patience is not None and self.wall() >= intent.began + intent.patience
        anchored = {anchor.binding for anchor in self.store.anchors.values()} if self.store.anchors else set()
        idle = (
            bool(rows)
            and not any(row.active or row.inactive for row in rows)
            and self.counted(names)
            and anchored.isdisjoint(Binding(*each) for each in names.items())
        )
        weights = self._weights(names)
        if any(weights) or not (idle or late or not weights):
            return False
        why = "no connections" if idle else "deadline" if weights else "it is in no table"
        log.info("drained", member=f"{key[0]}/{key[1]}", because=why)
        return True

    def _lingers(self, key: MemberKey, numbers: Mapping[ServiceKey, ServiceStatistics]) -> str:
        """Return why a member's flows may never end, an empty text where they will."""
        intent = self.store.in_force.members[key]
        if intent.patience is not None:
            return ""
        served = self.store.index.served
        flows = sum(
            row.active + row.inactive
            for service, row in _rows(self._names(key), numbers).items()
            if served[service][1].protocol is Protocol.UDP
        )
        lifetime = self.store.actual.timeouts.udp or UDP_LIFETIME
        return lingering(flows, self.wall() - intent.began, lifetime, intent.target)

    def _names(self, key: MemberKey) -> dict[ServiceKey, DestinationKey]:
        """Return what a member is called in each service that uses the member's pool."""
        pool, endpoint = key
        index = self.store.index
        return {of: destination_key(index.served[of][1], endpoint) for of in index.keys.get(pool, ())}

    def _weights(self, names: Mapping[ServiceKey, DestinationKey]) -> list[int]:
        """Return the weights that a member has in the services that have it."""
        there = self.store.actual.services
        states = ((there[of], name) for of, name in names.items() if of in there)
        return [d.weight for state, name in states for d in state.destinations if d.key == name]


def _rows(
    names: Mapping[ServiceKey, DestinationKey], numbers: Mapping[ServiceKey, ServiceStatistics]
) -> dict[ServiceKey, DestinationStatistics]:
    """Return a member's numbers in the services that have them."""
    return {
        service: found
        for service, wanted in names.items()
        if service in numbers
        for name, found in numbers[service].destinations
        if name == wanted
    }
