"""One change of FRR's configuration at a time, beside everything else: FRR may take its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from clusterlb.controller.apply import Applier, Outcome
from clusterlb.drivers.interface import DriverError, FrrDriver
from clusterlb.model.plan import ConfigureFrr

log = structlog.get_logger()


class Configure:
    """Carries out changes of FRR's configuration.

    ``done`` takes in what became of one, under ``lock``; ``wake`` is called when it is over.
    """

    def __init__(
        self,
        applier: Callable[[], Applier],
        frr: FrrDriver,
        lock: asyncio.Lock,
        done: Callable[[Outcome], None],
        wake: Callable[[], None],
    ) -> None:
        self._applier = applier
        self._frr = frr
        self._lock = lock
        self._done = done
        self._wake = wake
        self._task: asyncio.Task[None] | None = None

    def busy(self) -> bool:
        """Say whether a change is under way. Raises what ended the last one, if that was no DriverError."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()
        return self._task is not None

    def start(self, step: ConfigureFrr) -> None:
        """Begin a change."""
        self._task = asyncio.create_task(self._change(step))
        self._task.add_done_callback(lambda _: self._wake())

    async def wait(self) -> None:
        """Wait until no change is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _change(self, step: ConfigureFrr) -> None:
        outcome = await self._applier().apply((step,))
        await self.learn(outcome)
        async with self._lock:
            self._done(outcome)

    async def learn(self, outcome: Outcome) -> None:
        """Read what FRR runs after a change that failed."""
        if outcome.frr is None and any(isinstance(error.step, ConfigureFrr) for error in outcome.errors):
            try:
                outcome.frr = await self._frr.read()
            except DriverError as error:
                log.warning("frr", error=str(error))
