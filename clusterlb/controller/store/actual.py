"""What was last read of this director, and the part of it that is ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from clusterlb.controller.ledger import Ledger
from clusterlb.drivers.interface import LinkState
from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import KEEP_TIMEOUTS, ProtocolTimeouts, ServiceKey, ServiceState
from clusterlb.model.plan import (
    AddDevice,
    AddLocalRoute,
    AddPeer,
    Announce,
    AwaitWithdrawn,
    ChangeSets,
    ConfigureFrr,
    CreateLane,
    IpvsStep,
    LinkStep,
    LoadRules,
    ReadBack,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    SetSysctl,
    SetTimeouts,
    SettingStep,
    Step,
    Withdraw,
)
from clusterlb.model.rules import NO_RULES, Rules
from clusterlb.model.state import DirectorState, FrrLine

NO_LINKS = LinkState(frozenset(), {}, frozenset(), {})


@dataclass(slots=True)
class Actual:
    """The last readings. ``frr`` is None until FRR has answered once; ``services`` has foreign ones too."""

    services: dict[ServiceKey, ServiceState] = field(default_factory=dict)
    links: LinkState = NO_LINKS
    sysctls: Mapping[str, str] = field(default_factory=dict)
    frr: tuple[FrrLine, ...] | None = None
    rules: Rules = NO_RULES
    timeouts: ProtocolTimeouts = KEEP_TIMEOUTS
    limits: Mapping[str, str] = field(default_factory=dict)
    _read: Rules = NO_RULES
    _then: Rules = NO_RULES  # what was believed when it was read

    def take_rules(self, read: Rules) -> None:
        """Take in the table as it was read, the very same object as long as nothing has changed.

        Rules that are equal stay the object that they are: a diff of an object and itself looks at nothing.
        The reading before is no news only where nothing was done since: of "no rules" there is one object.
        """
        if (read is not self._read or self.rules is not self._then) and read != self.rules:
            self.rules = read
        self._read, self._then = read, self.rules

    def take_steps(self, steps: Collection[Step]) -> None:
        """Take in what steps that took effect leave; services and FRR's lines are read back instead."""
        links: list[LinkStep] = []
        for step in steps:
            if isinstance(step, LinkStep):
                links.append(step)
            elif not isinstance(step, IpvsStep | ReadBack | ConfigureFrr | AwaitWithdrawn):
                self._take_setting(step)
        if links:
            self.links = _after(self.links, links)

    def _take_setting(self, step: SettingStep) -> None:
        match step:
            case SetSysctl(name, value):
                self.sysctls = {**self.sysctls, name: value}
            case SetTimeouts(timeouts):
                self.timeouts = self.timeouts.changed(timeouts)
            case LoadRules(rules):
                self.rules = rules
            case ChangeSets(changes):
                self.rules = self.rules.changed(changes)
            case _:
                assert_never(step)

    def raised(self, least: Mapping[str, int]) -> dict[str, str]:
        """Return the limits that can be set here and are too low, with what they should be."""
        return {
            name: str(max(int(self.limits[name]), value))
            for name, value in least.items()
            if name in self.limits
        }

    def vips(self) -> set[IPAddress]:
        """Return every VIP of ours that has an address on a lane or a local route."""
        return {*self.links.announced, *self.links.local_routes}

    def state(
        self,
        ledger: Ledger,
        keys: Collection[ServiceKey],
        vips: Collection[IPAddress],
        wanted_frr: Collection[FrrLine],
    ) -> DirectorState:
        """Return our part of these services and VIPs, with everything that is not per VIP."""
        mine = {*ledger.frr_lines, *wanted_frr}
        return DirectorState(
            sysctls={**self.sysctls, **self.limits},
            services={key: self.services[key] for key in keys if key in self.services},
            local_routes=frozenset(vip for vip in vips if vip in self.links.local_routes),
            lanes=self.links.lanes,
            frr=tuple(line for line in self.frr or () if line in mine),
            rules=self.rules,
            timeouts=self.timeouts,
            peers=self.links.peers,
            devices=self.links.devices,
            announced={vip: self.links.announced[vip] for vip in vips if vip in self.links.announced},
        )


def _after(links: LinkState, steps: Collection[LinkStep]) -> LinkState:  # noqa: PLR0912 - a table
    """Return what the links are once these steps have taken effect."""
    lanes, routes = set(links.lanes), set(links.local_routes)
    announced, peers = dict(links.announced), set(links.peers)
    devices = {device.name: device for device in links.devices}
    for step in steps:
        match step:
            case CreateLane(lane):
                lanes.add(lane)
            case RemoveLane(lane):
                lanes.discard(lane)
            case AddDevice(device):
                devices[device.name] = device
            case RemoveDevice(device):
                devices.pop(device.name, None)
            case AddPeer(peer):
                peers.add(peer)
            case RemovePeer(peer):
                peers.discard(peer)
            case AddLocalRoute(vip):
                routes.add(vip)
            case RemoveLocalRoute(vip):
                routes.discard(vip)
            case Announce(vip, lane):
                announced[vip] = announced.get(vip, frozenset()) | {lane}
            case Withdraw(vip, lane):
                left = announced.pop(vip, frozenset()) - {lane}
                if left:
                    announced[vip] = left
            case _:
                assert_never(step)
    here = frozenset(devices.values())
    return LinkState(frozenset(lanes), announced, frozenset(routes), links.carrier, frozenset(peers), here)
