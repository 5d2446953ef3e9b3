"""How far drains are: since when a VIP has been in the drained lane, and whether flows still come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.world import World
from clusterlb.core.drain import Progress, lingering
from clusterlb.core.programme import destination_key
from clusterlb.core.roster import MemberKey
from clusterlb.drivers.interface import DriverError
from clusterlb.model.address import IPAddress
from clusterlb.model.intent import Drain
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
    """Keeps the world's ``progress`` and ``member_drains``. Asks the kernel for nothing while nothing drains.

    ``clock`` is the observations', ``wall`` the clock of intents; both in seconds.
    """

    world: World
    kernel: Kernel
    clock: Callable[[], float]
    wall: Callable[[], float] = time.time
    _packets: dict[IPAddress, int] = field(default_factory=dict)

    async def look(self) -> None:
        """Take in the counters of what drains, and have it looked at again."""
        vips = set(self._vips())
        members = self.world.member_intents
        for vip in self.world.progress.keys() - vips:
            del self.world.progress[vip]
            self._packets.pop(vip, None)
        if not vips and not members:
            return
        keys = {key for key, carried in self.world.index.carriers.items() if carried & vips}
        keys |= {key for pool, _ in members for key in self.world.index.keys[pool]}
        try:
            numbers = await self.kernel.statistics(keys) if keys else {}
        except DriverError:
            return  # the readings of the services say so
        for vip in vips:
            self._look_at(vip, numbers)
        self.world.mark_vips(vips)
        for key in members:
            self._look_at_member(key, numbers)

    def _vips(self) -> Iterator[IPAddress]:
        """Yield the VIPs that drain and are in the drained lane."""
        for vip in self.world.inventory.vips:
            if vip in self.world.drains or None in self.world.drains:
                lanes = self.world.actual.links.announced.get(vip, frozenset())
                if lanes == {Lane.DRAINED}:
                    yield vip

    def _look_at(self, vip: IPAddress, numbers: Mapping[ServiceKey, ServiceStatistics]) -> None:
        now = self.clock()
        intent = self.world.drains.get(vip) or self.world.drains.get(None)
        before = self.world.progress.get(vip) or Progress(moved_at=now)
        packets = sum(
            s.counters.in_packets for key, s in numbers.items() if vip in self.world.index.vips(key)
        )
        quiet = before.quiet_since if packets == self._packets.get(vip) else None
        if self._shared(vip) and before.moved_at is not None and now - before.moved_at >= SHARED:
            quiet = before.moved_at  # what still comes is for the others
        self._packets[vip] = packets
        deadline = None
        if intent is not None and intent.patience is not None:
            deadline = now + (intent.began + intent.patience - self.wall())
        self.world.progress[vip] = Progress(before.moved_at, quiet if quiet is not None else now, deadline)

    def _shared(self, vip: IPAddress) -> bool:
        """Say whether others that do not drain have their packets counted together with a VIP's."""
        group = {other for vips in self.world.index.carriers.values() if vip in vips for other in vips}
        return any(
            self.world.actual.links.announced.get(other, frozenset()) - {Lane.DRAINED}
            for other in group - {vip}
        )

    def _look_at_member(self, key: MemberKey, numbers: Mapping[ServiceKey, ServiceStatistics]) -> None:
        """Let a member go when its last connection has, or when it has had its time."""
        if self.world.member_drains.get(key, True):
            return
        pool, endpoint = key
        served = self.world.index.served
        names = {of: destination_key(served[of][1], endpoint) for of in self.world.index.keys[pool]}
        rows = {
            service: found
            for service, wanted in names.items()
            if service in numbers
            for name, found in numbers[service].destinations
            if name == wanted
        }
        intent = self.world.member_intents[key]
        late = intent.patience is not None and self.wall() >= intent.began + intent.patience
        idle = bool(rows) and not any(row.active or row.inactive for row in rows.values())
        weights = self._weights(names)
        if not any(weights) and (idle or late or not weights):
            why = "no connections" if idle else "deadline" if weights else "it is in no table"
            log.info("drained", member=f"{pool}/{endpoint}", because=why)
            self.world.member_drains[key] = True
            self.world.lingering.pop(key, None)
            self.world.mark_pools([pool])
        elif intent.patience is None:
            self._linger(key, rows, intent)
        else:
            self.world.lingering.pop(key, None)

    def _linger(
        self,
        key: MemberKey,
        rows: Mapping[ServiceKey, DestinationStatistics],
        intent: Drain,
    ) -> None:
        """Say of a member that its flows may never end, where that is so."""
        served = self.world.index.served
        flows = sum(
            row.active + row.inactive
            for service, row in rows.items()
            if served[service][1].protocol is Protocol.UDP
        )
        lifetime = self.world.actual.timeouts.udp or UDP_LIFETIME
        text = lingering(flows, self.wall() - intent.began, lifetime, intent.target)
        if text and key not in self.world.lingering:
            log.warning("a drain waits for flows that do not end", member=f"{key[0]}/{key[1]}", because=text)
        if text:
            self.world.lingering[key] = text
        else:
            self.world.lingering.pop(key, None)

    def _weights(self, names: Mapping[ServiceKey, DestinationKey]) -> list[int]:
        """Return the weights that a member has in the services that have it."""
        there = self.world.actual.services
        states = ((there[of], name) for of, name in names.items() if of in there)
        return [d.weight for state, name in states for d in state.destinations if d.key == name]
