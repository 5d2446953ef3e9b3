"""What was last read of this director, and the part of it that is ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from clusterlb.controller.ledger import Ledger
from clusterlb.drivers.interface import LinkState
from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import KEEP_TIMEOUTS, ProtocolTimeouts, ServiceKey, ServiceState
from clusterlb.model.plan import (
    AddLocalRoute,
    AddPeer,
    Announce,
    ChangeSets,
    CreateLane,
    LoadRules,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
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
    _known: Rules = NO_RULES

    def take_rules(self, read: Rules) -> None:
        """Take in the table as it was read, the very same object as long as nothing has changed.

        Rules that are equal stay the object that they are: a diff of an object and itself looks at nothing.
        """
        if read is self._read and self.rules is self._known:
            return  # looked at before; a step of ours since is another object, and may have been undone
        if read != self.rules:
            self.rules = read
        self._read, self._known = read, self.rules

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
            announced={vip: self.links.announced[vip] for vip in vips if vip in self.links.announced},
        )


def changed_rules(rules: Rules, step: LoadRules | ChangeSets) -> Rules:
    """Return what a table is once a step has taken effect."""
    return step.rules if isinstance(step, LoadRules) else rules.changed(step.changes)


def after(links: LinkState, steps: Collection[Step]) -> LinkState:
    """Return what the links are once these steps have taken effect; others than link steps change nothing."""
    lanes, routes = set(links.lanes), set(links.local_routes)
    announced, peers = dict(links.announced), set(links.peers)
    for step in steps:
        match step:
            case CreateLane(lane):
                lanes.add(lane)
            case RemoveLane(lane):
                lanes.discard(lane)
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
    return LinkState(frozenset(lanes), announced, frozenset(routes), links.carrier, frozenset(peers))
