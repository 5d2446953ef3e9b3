"""Which steps of taking a director down hang on one another.

What goes does not stop for a step that failed elsewhere: a director of which half is taken down serves
nobody, and half of it stays for ever. Only what a VIP that is still announced needs stays with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from clusterlb.core.plan.separate import VipsOf
from clusterlb.model.plan import (
    AwaitWithdrawn,
    ChangeSets,
    ConfigureFrr,
    FrrPart,
    LoadRules,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    RemoveService,
    SetSysctl,
    SetTimeouts,
    Step,
    Withdraw,
)


def is_held(step: Step, undone: Iterable[Step], vips_of: VipsOf) -> bool:
    """Say whether a step has to stay undone because of others that are, failed or held themselves."""
    return any(_holds(other, step, vips_of) for other in undone)


def _holds(undone: Step, step: Step, vips_of: VipsOf) -> bool:
    match undone:
        case Withdraw():
            return _is_needed(undone, step, vips_of)
        case ConfigureFrr(part=FrrPart.GATEWAY):
            # hosts still send their own traffic here, and it must not leave untranslated
            return isinstance(step, LoadRules | ChangeSets | RemovePeer | SetSysctl)
        case LoadRules() | ChangeSets():
            return isinstance(step, RemovePeer)  # maps still lead there
        case ConfigureFrr(part=FrrPart.VRRP_YIELD):
            # this director may be master still
            return not isinstance(step, Withdraw | ConfigureFrr | AwaitWithdrawn)
        case _:
            return False  # of what goes, nothing else holds anything back


def _is_needed(announced: Withdraw, step: Step, vips_of: VipsOf) -> bool:
    """Say whether a step would take something from a VIP that could not be withdrawn from a lane."""
    match step:
        case RemoveService(key):
            vips = vips_of(key)
            return announced.vip in vips or not vips  # a firewall mark's VIPs may not be known
        case RemoveLocalRoute(vip):
            return vip == announced.vip
        case RemoveLane(lane):
            return lane is announced.lane
        case LoadRules() | ChangeSets() | RemovePeer() | ConfigureFrr() | SetSysctl() | SetTimeouts():
            return True
        case AwaitWithdrawn(vips):
            return vips == {announced.vip}
    return False
