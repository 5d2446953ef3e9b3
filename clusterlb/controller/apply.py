"""Carry out a plan, step by step, and say how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from clusterlb.controller.kernel import Kernel
from clusterlb.core.plan.diff import service_steps
from clusterlb.core.plan.leaving import held
from clusterlb.core.plan.separate import separate
from clusterlb.drivers.interface import DriverError, FrrDriver, LockedError
from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.plan import (
    AddDevice,
    AddLocalRoute,
    AddPeer,
    Announce,
    AwaitWithdrawn,
    ChangeSets,
    ConfigureFrr,
    CreateLane,
    IpvsStep,
    LinkStep,
    LoadRules,
    Plan,
    ReadBack,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    RemoveService,
    SetSysctl,
    SetTimeouts,
    Step,
    StepError,
    Withdraw,
)
from clusterlb.model.state import FrrLine

LINK_STEPS = (
    CreateLane,
    RemoveLane,
    AddDevice,
    RemoveDevice,
    AddPeer,
    RemovePeer,
    AddLocalRoute,
    RemoveLocalRoute,
    Announce,
    Withdraw,
)
SETTINGS = (SetSysctl, SetTimeouts, LoadRules, ChangeSets, ConfigureFrr)
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
            undone = [*(e.step for e in outcome.errors if isinstance(e.step, SETTINGS)), *outcome.skipped]
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
            # a setting may need the one before it; of the others a run is one batch
            for part in [(step,) for step in run] if isinstance(run[0], SETTINGS) else [run]:
                undone = [*(error.step for error in outcome.errors), *outcome.skipped]
                held_back = [step for step in part if held(step, undone, self._vips_of)]
                outcome.skipped += held_back
                going = [step for step in part if not any(step is other for other in held_back)]
                if going:
                    await self._apply_run(going, outcome)
        return outcome

    async def _apply_run(self, run: Sequence[Step], outcome: Outcome) -> bool:
        """Carry out steps of one kind; say whether what follows may go on."""
        first = run[0]
        if isinstance(first, LINK_STEPS):
            await self._links([cast(LinkStep, step) for step in run], outcome)
        elif isinstance(first, ReadBack):
            for step in run:
                await self._read_back(cast(ReadBack, step), outcome)
        elif isinstance(first, SETTINGS):
            return await self._settings(run, outcome)
        elif isinstance(first, AwaitWithdrawn):
            for step in run:
                await self.await_withdrawn(cast(AwaitWithdrawn, step))
            outcome.done += run
        else:
            await self._services([cast(IpvsStep, step) for step in run], outcome)
        return True

    async def _services(self, steps: list[IpvsStep], outcome: Outcome) -> None:
        errors = await self._kernel.apply_services(steps)
        outcome.errors += errors
        failed = {id(error.step) for error in errors}
        outcome.done += [step for step in steps if id(step) not in failed]
        for step in steps:
            if isinstance(step, RemoveService) and id(step) not in failed:
                outcome.services[step.key] = None

    async def _read_back(self, step: ReadBack, outcome: Outcome) -> None:
        found = await self._kernel.read_services(tuple(step.services))
        for key, wanted in step.services.items():
            have = found.get(key)
            outcome.services[key] = have
            if service_steps(key, wanted, have):
                why = f"{key} is not in the kernel as planned"
                outcome.blocked |= dict.fromkeys(self._vips_of(key), why)
        outcome.done.append(step)

    async def _links(self, steps: list[LinkStep], outcome: Outcome) -> None:
        allowed = [s for s in steps if not (isinstance(s, Announce) and s.vip in outcome.blocked)]
        if not allowed:
            return
        errors = await self._kernel.apply_links(allowed)
        outcome.errors += errors
        failed = {id(error.step) for error in errors}
        outcome.done += [step for step in allowed if id(step) not in failed]

    async def _settings(self, run: Sequence[Step], outcome: Outcome) -> bool:
        for step in run:
            try:
                await self._unlocked(step, outcome)
            except DriverError as error:
                outcome.errors.append(StepError(step, 0, str(error)))
                return False
            outcome.done.append(step)
        return True

    async def _unlocked(self, step: Step, outcome: Outcome) -> None:
        """Carry out a setting; while another session has a lock, again as long as patience lasts."""
        clock = asyncio.get_running_loop().time
        end = clock() + self.lock_patience
        said = False
        while True:
            try:
                return await self._setting(step, outcome)
            except LockedError as error:
                if clock() >= end:
                    raise
                if not said:
                    self._say(f"{error} Waiting, {self.lock_patience:.0f} s at most")
                said = True
                await asyncio.sleep(LOCK_POLL)

    async def _setting(self, step: Step, outcome: Outcome) -> None:
        match step:
            case SetSysctl(name, value):
                await self._kernel.write_sysctl(name, value)
            case SetTimeouts(timeouts):
                await self._kernel.set_timeouts(timeouts)
            case LoadRules() | ChangeSets():
                await self._kernel.apply_rules(step)
            case ConfigureFrr(add, remove):
                outcome.frr = await self._frr.configure(add, remove)

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
    """Split a plan into neighbours that one driver can take in one batch."""

    def room(step: Step) -> str:
        if isinstance(step, LINK_STEPS):
            return "links"
        if isinstance(step, (*SETTINGS, ReadBack, AwaitWithdrawn)):
            return type(step).__name__
        return "services"

    for _, run in groupby(plan, key=room):
        yield tuple(run)
