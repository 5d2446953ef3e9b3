"""One cycle: from what is known to a plan, through the guard and the pace, to the drivers and back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import cast

import structlog

from clusterlb.controller.apply import Applier, Outcome
from clusterlb.controller.configure import Configure
from clusterlb.controller.flows import Flows
from clusterlb.controller.kernel import Kernel
from clusterlb.controller.ledger import Ledger
from clusterlb.controller.planning import Planned, everything, full_plan, look, planned, without
from clusterlb.controller.records import Records
from clusterlb.controller.store.dirty import Dirty
from clusterlb.controller.store.events import Troubles, Unprogrammed
from clusterlb.controller.store.store import Store
from clusterlb.controller.timers import Timers
from clusterlb.core.assessment import Assessment
from clusterlb.core.known import Known
from clusterlb.core.plan import pace
from clusterlb.core.plan.separate import separate
from clusterlb.core.programme import destination_key
from clusterlb.drivers.interface import FrrDriver
from clusterlb.model.address import IPAddress
from clusterlb.model.check import VerdictState
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import (
    AwaitWithdrawn,
    ConfigureFrr,
    IpvsStep,
    Plan,
    ReadBack,
    RemoveService,
    StepError,
    service_of,
)

RETRY = 2.0  # seconds until what failed is tried again
RAMP = 4  # steps in which the VIPs of a director that drained come back, a pace between two
AT_ONCE = 2  # times that a service which did not read back as planned is tried again at once

log = structlog.get_logger()


@dataclass(slots=True)
class Reconciler:
    """Brings the director to the desired state."""

    store: Store
    kernel: Kernel
    frr: FrrDriver
    ledger: Ledger
    applier: Applier
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _attempts: dict[IPAddress, int] = field(default_factory=dict)
    _retiring: dict[IPAddress, asyncio.Task[None]] = field(default_factory=dict)
    _retired: set[IPAddress] = field(default_factory=set)
    _timers: Timers = field(default_factory=Timers)
    _troubles: dict[str, list[StepError]] = field(default_factory=dict)
    _frr_not_before: float = 0.0
    _records: Records = field(init=False)
    _configure: Configure = field(init=False)
    flows: Flows = field(init=False)
    ready: Callable[[ServiceKey, ServiceState], bool] = lambda *_: True  # whether a table may change now
    handed_over: Callable[[], bool] = lambda: (
        True
    )  # whether the peers know what they need of flows that leave

    def __post_init__(self) -> None:
        self._records = Records(self.store, self.ledger)
        self._configure = Configure(
            lambda: self.applier, self.frr, self.lock, self._configured, self.store.wake
        )
        self.flows = Flows(self.store, self.kernel, lambda when, keys: self.later(when, keys, ()))

    async def cycle(self) -> None:
        """Carry out what the dirty part of the store needs."""
        async with self.lock:
            if self.store.paused:
                return  # what is dirty stays so until it is resumed
            self._configure.busy()  # what ended a change unexpectedly ends the controller
            dirty = self.store.take_dirty()
            if dirty.everything:
                dirty = everything(self.store, self.ledger)
            known, assessment = look(self.store, dirty)
            self.store.handle(assessment)
            self._grow(dirty.pools, assessment)
            await self._carry_out(self._without_waiting(self._paced(dirty, known, assessment)))
            await self.flows.look(dirty.keys)

    def plan(self) -> Plan:
        """Return what a full cycle would do now, without doing it."""
        return full_plan(self.store, self.ledger).plan

    def _grow(self, pools: Collection[str], assessment: Assessment) -> None:
        """Look again at pools whose members get more weight by themselves, when the next one does."""
        growing = [name for name in pools if self.store.inventory.pools[name].slow_start]
        when = assessment.grows_at(growing)
        if when is not None:
            self._timers.at(when, lambda: self.store.mark_pools(growing))

    def _paced(self, dirty: Dirty, known: Known, assessment: Assessment) -> Plan:
        """Return the plan without what the switch cannot take yet; that is looked at again in time."""
        whole = planned(self.store, self.ledger, dirty, known, assessment)
        plan = whole.plan
        if known.settled and (waiting := self._not_ready(whole, assessment)):
            plan = without(plan, waiting, {vip for key in waiting for vip in self.store.vips_of(key)})
        now = self.store.clock()
        waits = {vip: ready for vip in pace.changed_vips(plan) if (ready := self.store.ready_at(vip)) > now}
        coming = sorted(pace.announced_vips(plan) & self.store.ramp, key=str)
        room = math.ceil(len(self.store.inventory.vips) / RAMP)
        waits |= dict.fromkeys(coming[room:], now + self.store.inventory.cluster.ospf.pace)
        if (moving := self._moving(plan)) and not self.handed_over():
            waits |= dict.fromkeys(moving - waits.keys(), now + RETRY)
        if waits:
            plan, _ = pace.hold(plan, waits.keys())
            self.later(min(waits.values()), dirty.keys, dirty.vips)
        return plan

    def _moving(self, plan: Plan) -> set[IPAddress]:
        """Return the VIPs whose flows a plan has leave for other directors, for they drain."""
        drains, lanes = self.store.in_force.drains, self.store.announced()
        draining = (vip for vip in pace.changed_vips(plan) if vip in drains or None in drains)
        return {vip for vip in draining if Lane.ACTIVE in lanes.get(vip, ())}

    def _not_ready(self, whole: Planned, assessment: Assessment) -> set[ServiceKey]:
        """Return the services whose table waits until its flows are anchored; it is looked at again then.

        Where a member has failed, nobody takes flows, or a sorry server comes or goes, nothing waits.
        """
        return {
            key
            for key in {service_of(step) for step in whole.plan if isinstance(step, IpvsStep)}
            if key in self.store.index.served
            and key in whole.services
            and key not in self.store.emptying
            and not self._urgent(key, assessment)
            and not self.ready(key, whole.services[key])
        }

    def _urgent(self, key: ServiceKey, assessment: Assessment) -> bool:
        _, service = self.store.index.served[key]
        pool = self.store.inventory.pools[service.pool]
        have = self.store.actual.services.get(key)
        if have is None or pool.sorry is not None:
            return True
        taking = {one.key for one in have.destinations if one.weight}
        return not taking or any(
            state.state is VerdictState.DOWN and not state.drained
            for member, state in zip(pool.members, assessment.members[pool.name], strict=True)
            if destination_key(service, member) in taking
        )

    def _without_waiting(self, plan: Plan) -> Plan:
        """Cut a plan where it has to wait for flows to move; the rest is planned anew after the wait."""
        for number, step in enumerate(plan):
            if isinstance(step, AwaitWithdrawn):
                waiting = step.vips - self._retired
                if not waiting:
                    return plan[:number] + plan[number + 1 :]
                for vip in waiting - set(self._retiring):
                    self._retiring[vip] = asyncio.create_task(self._retire(vip))
                return plan[:number]
        return plan

    async def _retire(self, vip: IPAddress) -> None:
        try:
            await self.applier.await_withdrawn(AwaitWithdrawn(frozenset({vip})))
        finally:
            self._retiring.pop(vip, None)
        self._retired.add(vip)
        self.store.mark_all()

    async def _carry_out(self, plan: Plan) -> None:
        if not plan:
            return
        plan, unrecorded = self._records.part(plan)
        self.report(unrecorded, "ledger")
        frr = [step for step in plan if isinstance(step, ConfigureFrr)]
        if not self.applier.lock_patience:  # nobody else waits here where there is
            plan, _ = separate(plan, frr, self.store.vips_of)
        outcome = await self.applier.apply(plan)
        await self._configure.learn(outcome)
        self.absorb(outcome)
        self.report(outcome.errors)
        undone = [*(error.step for error in outcome.errors), *outcome.skipped]
        if undone or unrecorded:
            self.later(self.store.clock() + RETRY, None, None)
        if frr and self.store.clock() >= self._frr_not_before and not self._configure.busy():
            if frr[0].vips & outcome.blocked.keys():
                return  # nobody is to be sent here for what is not as planned: it is tried again at once
            ready, _ = separate(frr[:1] if not self.applier.lock_patience else (), undone, self.store.vips_of)
            for step in ready:
                self._configure.start(cast(ConfigureFrr, step))

    def _configured(self, outcome: Outcome) -> None:
        """Take in what became of a change of FRR's configuration."""
        self.absorb(outcome)
        self.report(outcome.errors, "frr")
        if outcome.errors:
            self._frr_not_before = self.store.clock() + RETRY
            self.later(self._frr_not_before, None, None)
        else:
            self.store.mark_all()

    async def configured(self) -> None:
        """Wait until FRR has taken the change that is under way, if any."""
        await self._configure.wait()

    def absorb(self, outcome: Outcome) -> None:
        """Take in what a plan's outcome was."""
        self.store.handle(outcome)
        for step in outcome.done:
            if isinstance(step, RemoveService):
                self.ledger.services.discard(step.key)
            elif isinstance(step, ReadBack):
                vips = {vip for key in step.services for vip in self.store.vips_of(key)}
                self._programmed(vips, outcome)
        if self._retired:
            self._retired &= self.store.actual.vips()

    def _programmed(self, vips: set[IPAddress], outcome: Outcome) -> None:
        """Try again at once what did not read back as planned; then withdraw its VIP until it does."""
        for vip in vips:
            why = outcome.blocked.get(vip, "")
            if not why:
                self._attempts.pop(vip, None)
                self.store.handle(Unprogrammed(vip, ""))
                continue
            self._attempts[vip] = self._attempts.get(vip, 0) + 1
            keys = [key for key in outcome.services if vip in self.store.vips_of(key)]
            if self._attempts[vip] > AT_ONCE:
                self.store.handle(Unprogrammed(vip, why))
                self.later(self.store.clock() + RETRY, keys, ())
            else:
                self.store.mark_keys(keys)

    def report(self, errors: Collection[StepError], of: str = "plan") -> None:
        """Log failed steps, each text once until something else fails; ``of`` names who had them."""
        self._troubles[of] = list(errors)
        self.store.count("step_errors", len(errors))
        self.store.handle(Troubles(tuple(str(error) for found in self._troubles.values() for error in found)))

    def later(
        self, when: float, keys: Collection[ServiceKey] | None, vips: Collection[IPAddress] | None
    ) -> None:
        """Look at these again at a time of the clock; None means at everything."""

        def look() -> None:
            if keys is None or vips is None:
                self.store.mark_all()
            else:
                self.store.mark_keys(keys)
                self.store.mark_vips(vips)

        self._timers.at(when, look)

    def stop(self) -> None:
        """Cancel what was planned for later."""
        self._timers.stop()
        for task in list(self._retiring.values()):
            task.cancel()
