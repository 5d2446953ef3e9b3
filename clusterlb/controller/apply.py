"""Carry out a plan, step by step, and say how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from clusterlb.controller.kernel import Batch, Kernel
from clusterlb.core.plan.diff import service_steps
from clusterlb.core.plan.leaving import is_held
from clusterlb.core.plan.separate import separate
from clusterlb.drivers.interface import DriverError, FrrDriver, FrrLockedError
from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.plan import (
    Announce,
    AwaitWithdrawn,
    ConfigureFrr,
    IpvsStep,
    LinkStep,
    Plan,
    ReadBack,
    RemoveService,
    SettingStep,
    Step,
    StepError,
)
from clusterlb.model.state import FrrLine

# The kernel adds its per-CPU counters up every 2 s (ip_vs_est.c): a shorter silence proves nothing.
QUIET = 2.5  # seconds without a packet after which a withdrawn VIP's flows have moved
POLL = 0.25
LOCK_PATIENCE = 60.0  # seconds; FRR reads its own file under the lock at boot, and that takes a while
LOCK_POLL = 1.0


@dataclass(slots=True)
class Outcome:
    """What became of a plan.

    ``done`` steps took effect; ``errors`` are those that did not; ``blocked`` says why a VIP must not be
    announced; ``services`` is what the kernel held when it was read back; ``skipped`` were not tried;
    ``frr`` is what runs in FRR after it was configured.
    """

    done: list[Step] = field(default_factory=list)
    errors: list[StepError] = field(default_factory=list)
    blocked: dict[IPAddress, str] = field(default_factory=dict)
    services: dict[ServiceKey, ServiceState | None] = field(default_factory=dict)
    skipped: list[Step] = field(default_factory=list)
    frr: tuple[FrrLine, ...] | None = None


class Applier:
    """Carries out plans with one director's drivers.

    Flows have moved when no packet came for ``quiet`` seconds; it waits at most ``patience`` for that. While
    another session has FRR's configuration locked, it waits ``lock_patience`` seconds. That is 0 for a
    controller that runs: it has members to look after, and tries again by itself.
    """

    def __init__(
        self,
        kernel: Kernel,
        frr: FrrDriver,
        *,
        pace: Callable[[], float],
        patience: float = 10.0,
        quiet: float = QUIET,
        say: Callable[[str], None] = lambda _: None,
        vips_of: Callable[[ServiceKey], frozenset[IPAddress]] = lambda key: key.vips,
    ) -> None:
        self._kernel = kernel
        self._frr = frr
        self._pace = pace
        self._patience = patience
        self._quiet = quiet
        self._say = say
        self._vips_of = vips_of
        self.lock_patience = 0.0

    async def apply(self, plan: Plan) -> Outcome:
        """Carry out a plan in its order.

        A failed service blocks its own VIP's announcement and nothing else. What builds on a setting, a rule
        or an FRR configuration that fails is skipped.
        """
        outcome = Outcome()
        left = plan
        while left:
            for run in _runs(left):
                if not await self._apply_run(run, outcome):
                    break
            else:
                break
            tried = {id(step) for step in outcome.done} | {id(error.step) for error in outcome.errors}
            undone = [
                *(e.step for e in outcome.errors if isinstance(e.step, SettingStep | ConfigureFrr)),
                *outcome.skipped,
            ]
            rest = [step for step in left if id(step) not in tried]
            left, waiting = separate(rest, undone, self._vips_of)
            outcome.skipped += waiting
        return outcome

    async def take_down(self, plan: Plan) -> Outcome:
        """Carry out a plan that takes the director down: whatever fails, go on with what does not need it.

        FRR is waited for while another session has its configuration locked, a minute at most.
        """
        self.lock_patience = LOCK_PATIENCE
        outcome = Outcome()
        for run in _runs(plan):
            undone = [*(error.step for error in outcome.errors), *outcome.skipped]
            held_back = [step for step in run if is_held(step, undone, self._vips_of)]
            outcome.skipped += held_back
            going = [step for step in run if not any(step is other for other in held_back)]
            if going:
                await self._apply_run(going, outcome)
        return outcome

    async def _apply_run(self, run: Sequence[Step], outcome: Outcome) -> bool:
        """Carry out steps of one driver; say whether what follows may go on."""
        match run[0]:
            case ReadBack() as step:
                await self._read_back(step, outcome)
            case AwaitWithdrawn() as step:
                await self.await_withdrawn(step)
                outcome.done.append(step)
            case ConfigureFrr() as step:
                return await self._configure(step, outcome)
            case _:
                return await self._submit(run, outcome)
        return True

    async def _submit(self, run: Sequence[Step], outcome: Outcome) -> bool:
        blocked = outcome.blocked
        steps = [step for step in run if not (isinstance(step, Announce) and step.vip in blocked)]
        if not steps:
            return True
        errors = await self._kernel.submit(cast(Batch, steps))
        outcome.errors += errors
        failed = {id(error.step) for error in errors}
        done = [step for step in steps if id(step) not in failed]
        outcome.done += done
        outcome.services |= {step.key: None for step in done if isinstance(step, RemoveService)}
        return not (errors and isinstance(steps[0], SettingStep))

    async def _read_back(self, step: ReadBack, outcome: Outcome) -> None:
        found = await self._kernel.read_services(tuple(step.services))
        for key, wanted in step.services.items():
            have = found.get(key)
            outcome.services[key] = have
            if service_steps(key, wanted, have):
                why = f"{key} is not in the kernel as planned"
                outcome.blocked |= dict.fromkeys(self._vips_of(key), why)
        outcome.done.append(step)

    async def _configure(self, step: ConfigureFrr, outcome: Outcome) -> bool:
        """Configure FRR; while another session has its lock, try again as long as patience lasts."""
        clock = asyncio.get_running_loop().time
        end = clock() + self.lock_patience
        said = False
        while True:
            try:
                outcome.frr = await self._frr.configure(step.add, step.remove)
            except DriverError as error:
                if not isinstance(error, FrrLockedError) or clock() >= end:
                    outcome.errors.append(StepError(step, 0, str(error)))
                    return False
                if not said:
                    self._say(f"{error} Waiting, {self.lock_patience:.0f} s at most")
                said = True
                await asyncio.sleep(LOCK_POLL)
            else:
                outcome.done.append(step)
                return True

    async def await_withdrawn(self, step: AwaitWithdrawn) -> None:
        """Wait the pace, then until no packet has come for these VIPs for a while, or patience ends.

        A packet that still comes proves that some switch still has the route; silence after the pace is
        the nearest to a proof of the contrary that a director can see by itself.
        """
        clock = asyncio.get_running_loop().time
        started = changed = clock()
        before = -1
        while True:
            now = clock()
            packets = await self._packets(step.vips)
            if packets != before:
                before, changed = packets, now
            waited = now - started
            if waited >= self._pace() and now - changed >= self._quiet:
                return
            if waited >= self._patience:
                names = ", ".join(map(str, sorted(step.vips, key=str)))
                self._say(f"packets still come for {names} after {waited:.0f} s; going on")
                return
            await asyncio.sleep(POLL)

    async def _packets(self, vips: frozenset[IPAddress]) -> int:
        statistics = await self._kernel.statistics()
        return sum(s.counters.in_packets for key, s in statistics.items() if self._vips_of(key) & vips)


def _runs(plan: Plan) -> Iterator[tuple[Step, ...]]:
    """Split a plan into neighbours that one driver takes in one batch; each other step is alone."""

    def batch(step: Step) -> object:
        if isinstance(step, LinkStep):
            return LinkStep
        return IpvsStep if isinstance(step, IpvsStep) else id(step)

    for _, run in groupby(plan, key=batch):
        yield tuple(run)
