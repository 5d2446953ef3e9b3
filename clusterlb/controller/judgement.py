"""What is wrong with a director, by its status: one judgement for the command, its exit code and /health."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clusterlb.model.reason import Reason

Status = dict[str, Any]


def broken(status: Status) -> list[str]:
    """Return what keeps the director from its work: what a supervisor or a balancer should act on."""
    return list(_broken(status))


def troubles(status: Status) -> list[str]:
    """Return everything that an operator should look at, what is broken first."""
    return [*_broken(status), *_not_as_it_should_be(status)]


def engine_trouble(status: Status) -> str:
    """Say what is wrong with the check engine; one that has just been started will speak in a second."""
    checks = status.get("checks", {})
    state = checks.get("state", "running" if checks.get("alive", True) else "dead")
    return "" if state in ("running", "starting") else f"the check engine is {state}"


def late(status: Status) -> list[str]:
    """Return what the controller has not done in time."""
    found = status.get("late", {}).items()
    return [f"{name} stands still: last done {seconds:.0f} s ago" for name, seconds in found]


def unheard(status: Status) -> Iterator[str]:
    """Yield the protocols by which nobody hears of the VIPs that are announced."""
    for protocol, full in status["frr"].get("full", {}).items():
        family = 4 if protocol == "OSPFv2" else 6
        by_ospf = [vip for vip in status["vips"] if vip["announced"] and vip.get("vrrp") is None]
        on = any((":" in vip["vip"]) is (family == 6) for vip in by_ospf)
        if on and full == 0:
            yield f"no {protocol} neighbour is Full: nobody hears of IPv{family} VIPs"


def is_withdrawn(vip: Status) -> bool:
    """Say whether a VIP is not announced that should be; VRRP's are others' outside their `order`."""
    return not vip["announced"] and vip["reason"] != Reason.STANDBY.value


def _broken(status: Status) -> Iterator[str]:
    if not status.get("ready", True):
        yield "the controller has just started: its first cycle is not over"
    if status.get("leaving"):
        yield "the director is being taken down"
    yield from late(status)
    if not status["fit"]:
        yield f"the director is unfit: {status['unfit_because']}"
    if trouble := engine_trouble(status):
        yield f"{trouble}: nobody is probed, and all verdicts stand"


def _not_as_it_should_be(status: Status) -> Iterator[str]:
    frr = status["frr"]
    if not status["ipvs"]["answers"]:
        yield f"IPVS does not answer: {status['ipvs']['error']}"
    if not frr["answers"]:
        yield f"FRR does not answer: {frr['error'] or 'not yet'}"
    if frr.get("ospf6_error"):
        yield f"ospf6d does not answer: {frr['ospf6_error']}"
    yield from unheard(status)
    if status["inventory"]["rejected"]:
        yield "the inventory on disk is rejected, the last good one is in force"
    yield from status["errors"]
    if status.get("rivals"):
        yield status["rivals"]
    yield from status.get("unprobed", [])
    for vip in status["vips"]:
        if is_withdrawn(vip):
            yield f"{vip['vip']} is withdrawn, {vip['reason']}: {vip['because']}"
