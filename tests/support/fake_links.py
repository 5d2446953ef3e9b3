"""Lanes, addresses and routes in memory; they behave as the kernel's."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from errno import ENODEV
from typing import assert_never

from clusterlb.drivers.interface import LinkState
from clusterlb.drivers.lanes import is_in_force
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import (
    AddDevice,
    AddLocalRoute,
    AddPeer,
    Announce,
    CreateLane,
    LinkStep,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    StepError,
    Withdraw,
)
from clusterlb.model.snat import Peer
from clusterlb.model.vrrp import VrrpDevice


class FakeLinks:
    """Implements ``LinkDriver``.

    Tests may change ``carrier``, and may edit the kernel's ``addresses``, ``routes`` (over the lanes),
    ``local_routes``, ``peers`` and ``devices`` as another program would. ``external`` is as in
    ``KernelLinks``.
    """

    def __init__(self, uplinks: Sequence[str] = ("e0",), external: Set[AddressFamily] | None = None) -> None:
        self.carrier = dict.fromkeys(uplinks, True)
        self.external = external
        self.addresses: dict[Lane, set[IPAddress]] = {}
        self.routes: dict[Lane, set[IPAddress]] = {lane: set() for lane in Lane}
        self.local_routes: set[IPAddress] = set()
        self.devices: dict[str, VrrpDevice] = {}
        self.peers: dict[tuple[int, AddressFamily], Peer] = {}
        self.applied: list[LinkStep] = []
        self._failures: list[int] = []

    def fail_next(self, errno: int) -> None:
        """Make the next step fail as the kernel would with this errno."""
        self._failures.append(errno)

    def read(self) -> LinkState:
        """Return the state."""
        announced: dict[IPAddress, frozenset[Lane]] = {}
        lanes = set()
        for lane in self.addresses:
            there = [
                *((vip, False) for vip in self.addresses[lane]),
                *((vip, True) for vip in self.routes[lane]),
            ]
            if all(is_in_force(vip, route, self.external) for vip, route in there):
                lanes.add(lane)
            for vip, route in there:
                if is_in_force(vip, route, self.external):
                    announced[vip] = announced.get(vip, frozenset()) | {lane}
        routes, peers = frozenset(self.local_routes), frozenset(self.peers.values())
        devices = frozenset(self.devices.values())
        return LinkState(frozenset(lanes), announced, routes, dict(self.carrier), peers, devices)

    def apply(self, steps: Sequence[LinkStep]) -> list[StepError]:
        """Carry out all steps in order and return those that failed."""
        failed = []
        for step in steps:
            errno = self._failures.pop(0) if self._failures else self._apply(step)
            if errno:
                failed.append(StepError(step, errno, os.strerror(errno)))
            else:
                self.applied.append(step)
        return failed

    def close(self) -> None:
        """Do nothing; there is no socket."""

    def _apply(self, step: LinkStep) -> int:
        match step:
            case AddDevice(device):
                self.devices[device.name] = device
            case RemoveDevice(device):
                self.devices.pop(device.name, None)
            case CreateLane(lane):
                self.addresses.setdefault(lane, set())
                for route, vips in ((False, self.addresses[lane]), (True, self.routes[lane])):
                    vips -= {vip for vip in vips if not is_in_force(vip, route, self.external)}
            case RemoveLane(lane):
                self.addresses.pop(lane, None)
                self.routes[lane].clear()
            case AddLocalRoute(vip):
                self.local_routes.add(vip)
            case RemoveLocalRoute(vip):
                self.local_routes.discard(vip)
            case AddPeer(peer):
                self.peers[peer.mark, family_of(peer.address)] = peer
            case RemovePeer(peer):
                self.peers.pop((peer.mark, family_of(peer.address)), None)
            case Announce(vip, lane):
                if lane not in self.addresses:
                    return ENODEV
                route = bool(self.external) and is_in_force(vip, True, self.external)
                (self.routes if route else self.addresses)[lane].add(vip)
            case Withdraw(vip, lane):
                for route, forms in ((False, self.addresses), (True, self.routes)):
                    if is_in_force(vip, route, self.external):
                        forms.get(lane, set()).discard(vip)
            case _:
                assert_never(step)
        return 0
