"""Read the kernel again and again, so that what others change there is seen and put right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from clusterlb.controller.kernel import Kernel
from clusterlb.controller.reconcile import Reconciler
from clusterlb.controller.store.events import ServicesRead, SettingsRead
from clusterlb.controller.store.store import Store
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.link import not_local

SHARE = 20  # a reading that took t seconds is not repeated before SHARE x t: 5 % of a core at most
LONGEST_PAUSE = 10.0  # seconds; something may have happened since. Readings that take long pause longer.

log = structlog.get_logger()


@dataclass(slots=True)
class Readings:
    """The watch over what is ours in the kernel. What is read goes to the store, under the cycle's lock."""

    reconciler: Reconciler
    kernel: Kernel
    _services_not_before: float = 0.0
    _settings_not_before: float = 0.0

    @property
    def store(self) -> Store:
        """Return what is known."""
        return self.reconciler.store

    async def all(self) -> None:
        """Read everything once; DriverError where something cannot be read."""
        store = self.store
        store.handle(ServicesRead(await self.kernel.read_services()))
        store.handle(await self.kernel.read_links())
        await self._read_settings()
        if store.actual.rules.digest != store.rules.digest:
            await self.kernel.check_rules(store.rules)

    async def services(self) -> None:
        """Read all virtual services, and what else tells nobody when it changes."""
        store, clock = self.store, self.store.clock
        if clock() < self._services_not_before:
            return
        async with self.reconciler.lock:
            if store.leaving:
                return
            started = clock()
            try:
                found = await self.kernel.read_services()
            except DriverError as error:
                store.handle(replace(store.health, ipvs=store.health.ipvs.again(error)))
                return
            store.handle(ServicesRead(found, {*store.owned(), *self.reconciler.ledger.services}))
            await self._look_at_settings()
            self._services_not_before = clock() + pause_after(clock() - started)

    async def rules(self) -> None:
        """Read our nftables table; called when the kernel says that some of it was deleted."""
        async with self.reconciler.lock:
            if self.store.leaving:
                return
            try:
                self.store.handle(await self.kernel.read_rules())
            except DriverError as error:
                log.warning("nftables unreadable", error=str(error))

    async def settings(self) -> None:
        """Read settings; called when the kernel says that one of them has changed.

        Others may change theirs many times a second: ours are read as often as what it costs allows.
        """
        clock = self.store.clock
        async with self.reconciler.lock:
            if self.store.leaving or clock() < self._settings_not_before:
                return
            started = clock()
            await self._look_at_settings()
            self._settings_not_before = clock() + pause_after(clock() - started)

    async def links(self) -> None:
        """Read lanes, addresses, routes and carriers; called when the kernel says that something changed."""
        async with self.reconciler.lock:
            if self.store.leaving:
                return
            try:
                self.store.handle(await self.kernel.read_links())
            except DriverError as error:
                log.warning("links unreadable", error=str(error))

    async def _look_at_settings(self) -> None:
        try:
            await self._read_settings()
        except DriverError as error:
            log.warning("settings unreadable", error=str(error))

    async def _read_settings(self) -> None:
        """Read what is neither a service nor a link: settings, timeouts, our nftables table."""
        store, ledger = self.store, self.reconciler.ledger
        abandoned = ledger.abandoned_sysctls(store.index.settings)
        sysctls = await self.kernel.read_sysctls((*store.index.sysctls, *abandoned))
        for name, value in abandoned.items():
            if sysctls.get(name, value) == value:
                del ledger.sysctls[name]  # as it was before us, and the operator's again
        limits = await self.kernel.read_limits(tuple(store.index.limits))
        timeouts = await self.kernel.read_timeouts()
        rules = await self.kernel.read_rules()
        store.handle(SettingsRead(sysctls, limits, timeouts, not_local(store.index.borrowed)))
        store.handle(rules)


def pause_after(took: float) -> float:
    """Return the seconds until a reading that took so many is worth repeating."""
    # a host that is starved must not be starved further by those who ask it how it is
    return min(SHARE * took, max(LONGEST_PAUSE, 3 * took))
