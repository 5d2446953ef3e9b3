"""What is wrong with a director, by its status: one judgement for the command, its exit code and /health."""

from __future__ import annotations

from collections.abc import Iterator

from clusterlb.model.status import Condition, EngineStatus


def broken(status: Condition) -> list[str]:
    """Return what keeps the director from its work: what a supervisor or a balancer should act on."""
    return list(_broken(status))


def troubles(status: Condition) -> list[str]:
    """Return everything that an operator should look at, what is broken first."""
    return [*_broken(status), *_not_as_it_should_be(status)]


def engine_trouble(engine: EngineStatus) -> str:
    """Say what is wrong with the check engine; one that has just been started will speak in a second."""
    return "" if engine.state in ("running", "starting") else f"the check engine is {engine.state}"


def late(status: Condition) -> list[str]:
    """Return what the controller has not done in time."""
    return [f"{name} stands still: last done {seconds:.0f} s ago" for name, seconds in status.late.items()]


def unheard(status: Condition) -> Iterator[str]:
    """Yield the versions of OSPF by which nobody hears of the VIPs that are announced."""
    by_ospf = {vip.vip.version for vip in status.vips if vip.announced and vip.vrrp is None}
    for protocol, full in status.frr.full.items():
        if full == 0 and protocol.ip in by_ospf:
            yield f"no {protocol.value} neighbour is Full: nobody hears of IPv{protocol.ip} VIPs"


def _broken(status: Condition) -> Iterator[str]:
    if not status.ready:
        yield "the controller has just started: its first cycle is not over"
    if status.leaving:
        yield "the director is being taken down"
    yield from late(status)
    if not status.fit:
        yield f"the director is unfit: {status.unfit_because}"
    if trouble := engine_trouble(status.checks):
        yield f"{trouble}: nobody is probed, and all verdicts stand"


def _not_as_it_should_be(status: Condition) -> Iterator[str]:
    if not status.ipvs.answers:
        yield f"IPVS does not answer: {status.ipvs.error}"
    if not status.frr.answers:
        yield f"FRR does not answer: {status.frr.error or 'not yet'}"
    if status.frr.ospf6_error:
        yield f"ospf6d does not answer: {status.frr.ospf6_error}"
    yield from unheard(status)
    if status.inventory.rejected:
        yield "the inventory on disk is rejected, the last good one is in force"
    yield from status.errors
    for text in status.odd_tables:
        yield f"most directors have another table for {text}"
    if status.rivals:
        yield status.rivals
    yield from status.unprobed
    for vip in status.vips:
        if vip.is_withdrawn:
            reason = vip.reason.value if vip.reason else ""
            yield f"{vip.vip} is withdrawn, {reason}: {vip.because}"
