"""Put steps into an order of which every prefix is safe.

The law: on the way up sysctl, IPVS, FRR, and only then announce; on the way down withdraw, wait until
the route is gone and the flows have moved, and only then services and addresses. A lane is changed
make before break. What restores the director to how it was before us comes last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import assert_never

from clusterlb.model.address import IPAddress
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


def order(steps: Iterable[Step], *, leaving: bool = False) -> Plan:
    """Sort steps; ``leaving`` says that the director is being taken down."""
    steps = tuple(steps)
    moving = {step.vip for step in steps if isinstance(step, Announce)}
    return tuple(sorted(steps, key=lambda step: _rank(step, moving, leaving)))


def _rank(step: Step, moving: Collection[IPAddress], leaving: bool) -> int:  # noqa: PLR0912 - a table
    """Return a step's place in a plan; steps of one rank stay in the order that the diff gives them."""
    match step:
        case Withdraw(vip):
            return 8 if vip in moving else 0
        case SetSysctl() | SetTimeouts():
            return 14 if leaving else 1
        case AddPeer():
            return 1  # the diff has it before the maps that lead there
        case LoadRules() | ChangeSets():
            # before the services: what nftables refuses must stop a plan that has changed nothing yet;
            # what only goes, after services and routes: until then the kernel must not speak for a VIP
            return 12 if leaving or step.tidies else 1
        case CreateLane() | AddDevice():
            return 2
        case AddService() | EditService() | AddDestination() | EditDestination() | RemoveDestination():
            return 3
        case ReadBack():
            return 4
        case AddLocalRoute():
            return 5
        case ConfigureFrr():
            return _rank_of_frr(step, leaving)
        case Announce():
            return 7
        case AwaitWithdrawn():
            return 9
        case RemoveService():
            return 10
        case RemoveLocalRoute():
            return 11
        case RemoveLane() | RemoveDevice() | RemovePeer():
            return 13  # no map leads to a peer by then, not even when the director is taken down
        case _:
            assert_never(step)


def _rank_of_frr(step: ConfigureFrr, leaving: bool) -> int:
    match step.part:
        case FrrPart.GATEWAY:
            return 8 if step.add else -1  # nothing new comes while what it needs goes
        case FrrPart.VRRP_YIELD:
            return 0  # as Withdraw
        case FrrPart.VRRP_STAND:
            return 8  # behind Announce: of FRR's changes the one that fails holds up the next
        case FrrPart.ROUTING:
            return 12 if leaving else 6  # while the lanes are there: FRR forgets an interface that is gone
        case _:
            assert_never(step.part)
