"""The blocking drivers, behind one worker thread so that the loop never waits for the kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, assert_never

from clusterlb.core.census import Census, Survey
from clusterlb.drivers.interface import (
    ConntrackDriver,
    DriverError,
    FrrDriver,
    IpvsDriver,
    LinkDriver,
    LinkState,
    RulesDriver,
    SysctlDriver,
)
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import ProtocolTimeouts, ServiceKey, ServiceState, ServiceStatistics
from clusterlb.model.plan import (
    ChangeSets,
    IpvsStep,
    LinkStep,
    LoadRules,
    SetSysctl,
    SetTimeouts,
    SettingStep,
    StepError,
)
from clusterlb.model.rules import Element, Rules

T = TypeVar("T")
Keys = Collection[ServiceKey] | None
Batch = Sequence[IpvsStep] | Sequence[LinkStep] | Sequence[SettingStep]


@dataclass(frozen=True, slots=True)
class Drivers:
    """One director's drivers."""

    ipvs: IpvsDriver
    links: LinkDriver
    sysctl: SysctlDriver
    frr: FrrDriver
    rules: RulesDriver
    conntrack: ConntrackDriver


class Kernel:
    """The kernel's drivers as coroutines, one call at a time, in the order in which they were asked."""

    def __init__(self, drivers: Drivers) -> None:
        self._drivers = drivers
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kernel")

    async def read_services(self, keys: Keys = None) -> dict[ServiceKey, ServiceState]:
        """Return the services asked for (all when None) that the kernel has."""
        return await self._call(self._drivers.ipvs.read, keys)

    async def statistics(self, keys: Keys = None) -> dict[ServiceKey, ServiceStatistics]:
        """Return the connections and counters of the services asked for."""
        return await self._call(self._drivers.ipvs.statistics, keys)

    async def census(self, survey: Survey) -> Census:
        """Count live flows and strays, beside the other calls: a large table takes many seconds."""
        return await asyncio.to_thread(self._drivers.ipvs.census, survey)

    async def submit(self, steps: Batch) -> list[StepError]:
        """Carry out steps of one driver in order and return those that failed."""
        return await self._call(self._carry_out, steps)

    async def read_links(self) -> LinkState:
        """Return lanes, VIPs, local routes and carriers."""
        return await self._call(self._drivers.links.read)

    async def read_sysctls(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the settings that exist."""
        return await self._call(self._drivers.sysctl.read, names)

    async def read_limits(self, names: Collection[str]) -> dict[str, str]:
        """Return the values of the settings that exist and can be set in this network namespace."""
        return await self._call(self._drivers.sysctl.read_settable, names)

    async def read_timeouts(self) -> ProtocolTimeouts:
        """Return IPVS's connection timeouts."""
        return await self._call(self._drivers.ipvs.timeouts)

    async def read_rules(self) -> Rules:
        """Return our nftables table, or raise DriverError."""
        return await self._call(self._drivers.rules.read)

    async def check_rules(self, rules: Rules) -> None:
        """Raise DriverError when nftables would not take this table; nothing is changed."""
        await self._call(self._drivers.rules.check, rules)

    async def watch(self, rules: Rules) -> None:
        """Watch packets with these rules from now on, or no more with NO_RULES; DriverError."""
        await self._call(self._drivers.rules.watch, rules)

    async def noted(self, name: str) -> frozenset[Element]:
        """Return what the kernel has put into a set of our table."""
        return await self._call(self._drivers.rules.noted, name)

    async def seen(self, name: str) -> frozenset[Element]:
        """Return what the kernel has put into a set of the table that watches."""
        return await self._call(self._drivers.rules.seen, name)

    async def announce_as_routes(self, families: frozenset[AddressFamily]) -> None:
        """Announce the VIPs of these families as external routes from now on, the others as addresses."""
        await self._call(setattr, self._drivers.links, "external", families)

    async def close(self) -> None:
        """Close the drivers in their thread; nothing changes in the kernel."""
        await self._call(self._drivers.ipvs.close)
        await self._call(self._drivers.links.close)
        self._thread.shutdown(wait=True)

    def _carry_out(self, steps: Batch) -> list[StepError]:
        links = [step for step in steps if isinstance(step, LinkStep)]
        services = [step for step in steps if isinstance(step, IpvsStep)]
        settings = (self._set(step) for step in steps if isinstance(step, SettingStep))
        return [
            *(self._drivers.links.apply(links) if links else ()),
            *(self._drivers.ipvs.apply(services) if services else ()),
            *filter(None, settings),
        ]

    def _set(self, step: SettingStep) -> StepError | None:
        try:
            match step:
                case SetSysctl(name, value):
                    self._drivers.sysctl.write(name, value)
                case SetTimeouts(timeouts):
                    self._drivers.ipvs.set_timeouts(timeouts)
                case LoadRules() | ChangeSets():
                    self._drivers.rules.apply(step)
                case _:
                    assert_never(step)
        except DriverError as error:
            return StepError(step, 0, str(error))
        return None

    async def _call(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
