"""Put steps into an order of which every prefix is safe.

The law: on the way up sysctl, IPVS, FRR, and only then announce; on the way down withdraw, wait until
the route is gone and the flows have moved, and only then services and addresses. A lane is changed
make before break. What restores the director to how it was before us comes last.
"""

from __future__ import annotations

from collections.abc import Iterable

from clusterlb.model.plan import (
    AddDestination,
    AddDevice,
    AddLocalRoute,
    AddPeer,
    AddService,
    Announce,
    AwaitWithdrawn,
    ChangeSets,
    ConfigureFrr,
    CreateLane,
    EditDestination,
    EditService,
    FrrPart,
    LoadRules,
    Plan,
    ReadBack,
    RemoveDestination,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    RemoveService,
    SetSysctl,
    SetTimeouts,
    Step,
    Withdraw,
)

RANK: dict[type[Step], int] = {
    Withdraw: 0,
    SetSysctl: 1,
    SetTimeouts: 1,
    AddPeer: 1,  # the diff has it before the maps that lead there
    # before the services: what nftables refuses must stop a plan that has changed nothing yet
    LoadRules: 1,
    ChangeSets: 1,
    CreateLane: 2,
    AddDevice: 2,
    # one rank, for the order inside a service is the diff's: remove, edit, add
    AddService: 3,
    EditService: 3,
    AddDestination: 3,
    EditDestination: 3,
    RemoveDestination: 3,
    ReadBack: 4,
    AddLocalRoute: 5,
    ConfigureFrr: 6,
    Announce: 7,
    # 8: a Withdraw that leaves a lane for another
    AwaitWithdrawn: 9,
    RemoveService: 10,
    RemoveLocalRoute: 11,
    RemoveLane: 13,
    RemoveDevice: 13,
    RemovePeer: 13,  # no map leads there by then, not even when the director is taken down
}
CEASE_GATEWAY = -1  # nothing new comes while what it needs goes
YIELD, STAND = 0, 8  # as Withdraw, and behind Announce: of FRR's changes the one that fails holds up the next
BREAK_AFTER_MAKE = START_GATEWAY = 8
RESTORE_FRR = 12  # while the lanes are there: FRR forgets what it knew of an interface that is gone
RESTORE_RULES = 12  # after the services: until then the kernel must not speak for a VIP
RESTORE_SYSCTL = 14


def order(steps: Iterable[Step], *, leaving: bool = False) -> Plan:
    """Sort steps; ``leaving`` says that the director is being taken down."""
    steps = tuple(steps)
    moving = {step.vip for step in steps if isinstance(step, Announce)}

    def rank(step: Step) -> int:
        if isinstance(step, Withdraw) and step.vip in moving:
            return BREAK_AFTER_MAKE
        if isinstance(step, ConfigureFrr) and step.part is FrrPart.GATEWAY:
            return START_GATEWAY if step.add else CEASE_GATEWAY
        if isinstance(step, ConfigureFrr) and step.part is FrrPart.VRRP_YIELD:
            return YIELD
        if isinstance(step, ConfigureFrr) and step.part is FrrPart.VRRP_STAND:
            return STAND
        if leaving and isinstance(step, ConfigureFrr):
            return RESTORE_FRR
        if leaving and isinstance(step, LoadRules):
            return RESTORE_RULES
        if leaving and isinstance(step, SetSysctl | SetTimeouts):
            return RESTORE_SYSCTL
        return RANK[type(step)]

    return tuple(sorted(steps, key=rank))
