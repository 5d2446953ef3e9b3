"""Take a director down gracefully: withdraw, wait, unprogram, and put back what was there before."""

from __future__ import annotations

import asyncio

import structlog

from clusterlb.controller.apply import Applier
from clusterlb.controller.kernel import Kernel
from clusterlb.controller.ledger import Ledger
from clusterlb.controller.store.actual import Actual
from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.order import order
from clusterlb.drivers.interface import DriverError, FrrDriver
from clusterlb.model.plan import Plan, SetSysctl
from clusterlb.model.rules import NO_RULES
from clusterlb.model.state import DirectorState

log = structlog.get_logger()


async def read_all(kernel: Kernel, frr: FrrDriver, ledger: Ledger) -> tuple[Actual, list[str]]:
    """Read what there is to take down; the texts say what could not be read."""
    problems = []
    actual = Actual(
        services=await kernel.read_services(),
        links=await kernel.read_links(),
        sysctls=await kernel.read_sysctls(tuple(ledger.sysctls)),
        timeouts=await kernel.read_timeouts(),
    )
    try:
        actual.rules = await kernel.read_rules()
    except DriverError as error:
        problems.append(f"the nftables table was not removed: {error}")
    try:
        actual.frr = await frr.read()
    except DriverError as error:
        problems.append(f"FRR's configuration was not put back: {error}")
    return actual, problems


def leaving_plan(actual: Actual, ledger: Ledger) -> Plan:
    """Return the steps from what is there to what was there before us."""
    before = tuple(ledger.frr_displaced) if actual.frr is not None else ()
    want = DirectorState(sysctls=dict(ledger.sysctls), frr=before, timeouts=ledger.timeouts)
    have = actual.state(ledger, ledger.services, actual.vips(), before)
    return order(diff(want, have), leaving=True)


async def leave(
    kernel: Kernel, frr: FrrDriver, ledger: Ledger, applier: Applier, wait: float = 0.0
) -> list[str]:
    """Take everything of ours off this director and return what could not be done.

    ``wait`` holds the withdrawal until the pace since the last change has passed. What fails keeps nothing
    else back but what needs it. The ledger is forgotten only when all went well, so that a second try knows
    what is left.
    """
    actual, problems = await read_all(kernel, frr, ledger)
    plan = leaving_plan(actual, ledger)
    log.info("leaving", steps=len(plan), vips=len(actual.vips()))
    await asyncio.sleep(wait)
    outcome = await applier.take_down(plan)
    try:
        await kernel.watch(NO_RULES)
    except DriverError as error:
        problems.append(str(error))
    left = await kernel.read_sysctls(tuple(ledger.sysctls))
    if not any(isinstance(step, SetSysctl) for step in outcome.skipped):
        # what one of them has changed of another: net.ipv4.ip_forward is such
        again = diff(DirectorState(sysctls=dict(ledger.sysctls)), DirectorState(sysctls=left))
        outcome.errors += (await applier.take_down(again)).errors
    problems += [str(error) for error in outcome.errors]
    problems += [f"not done, for it needs what failed: {step}" for step in outcome.skipped]
    if not problems:
        ledger.forget()
    return problems
