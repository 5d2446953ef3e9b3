"""One cycle: from what is known to a plan, through the guard and the pace, to the drivers and back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import cast

import structlog

from clusterlb.controller.apply import Applier, Outcome
from clusterlb.controller.configure import Configure
from clusterlb.controller.flows import Flows
from clusterlb.controller.kernel import Kernel
from clusterlb.controller.ledger import Ledger
from clusterlb.controller.records import Records
from clusterlb.controller.world import Dirty, World
from clusterlb.core.announce import Decision
from clusterlb.core.desired import decisions, desired, grows_at
from clusterlb.core.guard import guard
from clusterlb.core.plan import pace
from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.order import order
from clusterlb.core.plan.separate import separate
from clusterlb.core.stand import stand
from clusterlb.drivers.interface import FrrDriver
from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import ServiceKey
from clusterlb.model.plan import (
    Announce,
    AwaitWithdrawn,
    ConfigureFrr,
    Plan,
    ReadBack,
    RemoveService,
    RuleStep,
    StepError,
)

RETRY = 2.0  # seconds until what failed is tried again
RAMP = 4  # steps in which the VIPs of a director that drained come back, a pace between two
AT_ONCE = 2  # times that a service which did not read back as planned is tried again at once

log = structlog.get_logger()


@dataclass(slots=True)
class Reconciler:
    """Brings the director to the desired state; ``clock`` is the loop's, in seconds."""

    world: World
    kernel: Kernel
    frr: FrrDriver
    ledger: Ledger
    applier: Applier
    clock: Callable[[], float]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _attempts: dict[IPAddress, int] = field(default_factory=dict)
    _retiring: dict[IPAddress, asyncio.Task[None]] = field(default_factory=dict)
    _retired: set[IPAddress] = field(default_factory=set)
    _timers: set[asyncio.TimerHandle] = field(default_factory=set)
    _troubles: dict[str, list[StepError]] = field(default_factory=dict)
    _frr_not_before: float = 0.0
    _records: Records = field(init=False)
    _configure: Configure = field(init=False)
    flows: Flows = field(init=False)

    def __post_init__(self) -> None:
        self._records = Records(self.world, self.ledger)
        self._configure = Configure(
            lambda: self.applier, self.frr, self.lock, self._configured, self.world.wake
        )
        self.flows = Flows(self.world, self.kernel, self.clock, lambda when, keys: self.later(when, keys, ()))

    async def cycle(self) -> None:
        """Carry out what the dirty part of the world needs."""
        async with self.lock:
            if self.world.paused is not None:
                return  # what is dirty stays so until it is resumed
            self._configure.busy()  # what ended a change unexpectedly ends the controller
            keys, vips = self._take()
            await self._carry_out(self._without_waiting(self._decide(keys, vips)))
            await self.flows.look(keys)

    def plan(self) -> Plan:
        """Return what a full cycle would do now, without doing it."""
        return self._plan(*self._everything())

    def _take(self) -> tuple[set[ServiceKey], set[IPAddress]]:
        dirty, self.world.dirty = self.world.dirty, Dirty()
        if dirty.everything:
            keys, vips = self._everything()
            dirty.pools = set(self.world.index.keys)
        else:
            keys, vips = dirty.keys, dirty.vips
        view = self.world.view(self.clock())
        self.world.standings.update(stand(self.world.inventory, dirty.pools, view))
        growing = [name for name in dirty.pools if self.world.inventory.pools[name].slow_start]
        when = grows_at(self.world.inventory, growing, view) if growing else None
        if when is not None:
            self._at(when, lambda: self.world.mark_pools(growing))
        return keys, vips

    def _everything(self) -> tuple[set[ServiceKey], set[IPAddress]]:
        return {*self.world.index.owned, *self.ledger.services}, self.world.own_addresses()

    def _decide(self, keys: set[ServiceKey], vips: set[IPAddress]) -> Plan:
        plan = self._plan(keys, vips, remember=True)
        now = self.clock()
        waits = {vip: ready for vip in pace.changed_vips(plan) if (ready := self.world.ready_at(vip)) > now}
        coming = sorted(pace.announced_vips(plan) & self.world.ramp, key=str)
        room = math.ceil(len(self.world.inventory.vips) / RAMP)
        waits |= dict.fromkeys(coming[room:], now + self.world.inventory.cluster.ospf.pace)
        if waits:
            plan, _ = pace.hold(plan, waits.keys())
            self.later(min(waits.values()), keys, vips)
        return plan

    def _plan(
        self, keys: Collection[ServiceKey], vips: Collection[IPAddress], *, remember: bool = False
    ) -> Plan:
        world = self.world
        view = world.view(self.clock())
        decided = decisions(world.inventory, vips, view)
        if remember:
            self._remember(vips, decided)
        want = desired(world.inventory, world.index.served, keys, decided, view)
        abandoned = self.ledger.abandoned_sysctls(world.index.settings)
        want = replace(want, sysctls={**want.sysctls, **abandoned})
        have = world.actual.state(self.ledger, keys, vips, want.frr)
        if world.actual.frr is None:
            want = replace(want, frr=have.frr)
        plan, refusals = guard(order(diff(want, have)), world.inventory.cluster)
        for refusal in refusals:
            log.error("refused", step=str(refusal.step), because=str(refusal.because))
        if world.actual.frr is None:
            # what FRR would do with an address on a lane is not known until it has answered
            plan = tuple(step for step in plan if not isinstance(step, Announce))
        # what the table has for VIPs that go stays while one of them, that this plan may not look at, is here
        return tuple(
            step
            for step in plan
            if not (isinstance(step, RuleStep) and step.tidies) or world.actual.vips() <= set(vips)
        )

    def _remember(self, vips: Collection[IPAddress], decided: dict[IPAddress, Decision]) -> None:
        for vip in vips:
            before, now = self.world.decided.get(vip), decided.get(vip)
            if now is None:
                self.world.decided.pop(vip, None)
                continue
            self.world.decided[vip] = now
            if before is None or before.lanes != now.lanes or before.because.reason != now.because.reason:
                lanes = ",".join(sorted(lane.value for lane in now.lanes)) or "none"
                log.info("vip", vip=str(vip), lanes=lanes, because=str(now.because))

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
        self.world.mark_all()

    async def _carry_out(self, plan: Plan) -> None:
        if not plan:
            return
        plan, unrecorded = self._records.part(plan)
        self.report(unrecorded, "ledger")
        frr = [step for step in plan if isinstance(step, ConfigureFrr)]
        if not self.applier.lock_patience:  # nobody else waits here where there is
            plan, _ = separate(plan, frr, self.world.vips_of)
        outcome = await self.applier.apply(plan)
        await self._configure.learn(outcome)
        self.absorb(outcome)
        self.report(outcome.errors)
        undone = [*(error.step for error in outcome.errors), *outcome.skipped]
        if undone or unrecorded:
            self.later(self.clock() + RETRY, None, None)
        if frr and self.clock() >= self._frr_not_before and not self._configure.busy():
            if frr[0].vips & outcome.blocked.keys():
                return  # nobody is to be sent here for what is not as planned: it is tried again at once
            ready, _ = separate(frr[:1] if not self.applier.lock_patience else (), undone, self.world.vips_of)
            for step in ready:
                self._configure.start(cast(ConfigureFrr, step))

    def _configured(self, outcome: Outcome) -> None:
        """Take in what became of a change of FRR's configuration."""
        self.absorb(outcome)
        self.report(outcome.errors, "frr")
        if outcome.errors:
            self._frr_not_before = self.clock() + RETRY
            self.later(self._frr_not_before, None, None)
        else:
            self.world.mark_all()

    async def configured(self) -> None:
        """Wait until FRR has taken the change that is under way, if any."""
        await self._configure.wait()

    def absorb(self, outcome: Outcome) -> None:
        """Make the world say what a plan's outcome was."""
        world = self.world
        for key, state in outcome.services.items():
            if state is None:
                world.actual.services.pop(key, None)
            else:
                world.actual.services[key] = state
        for step in outcome.done:
            if isinstance(step, RemoveService):
                self.ledger.services.discard(step.key)
            elif isinstance(step, ReadBack):
                vips = {vip for key in step.services for vip in world.index.vips(key)}
                self._programmed(vips, outcome)
        world.actual.take_steps(outcome.done)
        if self._retired:
            self._retired &= world.actual.vips()
        world.changed(pace.changed_vips(tuple(outcome.done)), self.clock())
        world.ramp -= pace.announced_vips(tuple(outcome.done))
        world.counts["steps"] += len(outcome.done)
        tried = [*outcome.done, *(error.step for error in outcome.errors)]
        if any(isinstance(step, ConfigureFrr) for step in tried):
            world.counts["frr_configurations"] += 1
            world.actual.frr = outcome.frr

    def _programmed(self, vips: set[IPAddress], outcome: Outcome) -> None:
        """Try again at once what did not read back as planned; then withdraw its VIP until it does."""
        for vip in vips:
            why = outcome.blocked.get(vip, "")
            if not why:
                self._attempts.pop(vip, None)
                if self.world.unprogrammed.pop(vip, ""):
                    self.world.mark_vips([vip])
                continue
            self._attempts[vip] = self._attempts.get(vip, 0) + 1
            keys = [key for key in outcome.services if vip in self.world.index.vips(key)]
            if self._attempts[vip] > AT_ONCE:
                self.world.unprogrammed[vip] = why
                self.later(self.clock() + RETRY, keys, ())
                self.world.mark_vips([vip])
            else:
                self.world.mark_keys(keys)

    def report(self, errors: Collection[StepError], of: str = "plan") -> None:
        """Log failed steps, each text once until something else fails; ``of`` names who had them."""
        self._troubles[of] = list(errors)
        self.world.counts["step_errors"] += len(errors)
        every = (error for found in self._troubles.values() for error in found)
        texts = [str(error) for error in every]
        for text in texts:
            if text not in self.world.errors:
                log.error("step failed", error=text)
        self.world.errors = texts[:20]

    def later(
        self, when: float, keys: Collection[ServiceKey] | None, vips: Collection[IPAddress] | None
    ) -> None:
        """Look at these again at a time of the clock; None means at everything."""

        def look() -> None:
            if keys is None or vips is None:
                self.world.mark_all()
            else:
                self.world.mark_keys(keys)
                self.world.mark_vips(vips)

        self._at(when, look)

    def _at(self, when: float, action: Callable[[], object]) -> None:
        def fire() -> None:
            self._timers.discard(handle)
            action()

        handle = asyncio.get_running_loop().call_at(when, fire)
        self._timers.add(handle)

    def stop(self) -> None:
        """Cancel what was planned for later."""
        for handle in self._timers:
            handle.cancel()
        for task in list(self._retiring.values()):
            task.cancel()
