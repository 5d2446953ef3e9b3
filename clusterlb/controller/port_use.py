"""Look now and then how full the ports of local and SNAT addresses are, and say so before they run out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from clusterlb.controller.store.store import Store
from clusterlb.core.port_use import CLIENT_PORTS, OwnAddress, PortAlarm, alarms, translated_addresses
from clusterlb.drivers.interface import ConntrackDriver, DriverError
from clusterlb.model.address import IPAddress
from clusterlb.model.port_use import AddressUse, ConntrackFailures
from clusterlb.model.status import PortsStatus, PortUseStatus

log = structlog.get_logger()

PAUSE = 10.0  # seconds between two readings, at least
CPU_SHARE = 0.01  # of one core, at most; a reading of 100,000 connections takes about 0.3 s
SAY_EVERY = 60.0


class _Reading(NamedTuple):
    own: Mapping[IPAddress, OwnAddress]
    uses: Mapping[IPAddress, AddressUse]
    failures: ConntrackFailures | None
    took: float
    error: str


@dataclass(slots=True)
class PortUse:
    """Reads connection tracking in a thread of its own, and only while the inventory translates sources.

    ``cpu``: the thread's CPU time, in seconds.
    """

    store: Store
    conntrack: ConntrackDriver
    cpu: Callable[[], float] = time.thread_time
    _reading: asyncio.Future[_Reading] | None = None
    _due: float = 0.0
    _last: _Reading = field(default_factory=lambda: _Reading({}, {}, None, 0.0, ""))
    _alarms: dict[IPAddress, PortAlarm] = field(default_factory=dict)
    _said: tuple[float, ConntrackFailures] | None = None

    async def look(self) -> None:
        """Take in a reading that has come, and begin the next when it is due; wait for neither."""
        if self._reading is not None and self._reading.done():
            done, self._reading = self._reading, None
            reading = done.result()
            self._due = self.store.clock() + max(PAUSE, reading.took / CPU_SHARE)
            self._take(reading)
        if self._reading is None and self.store.clock() >= self._due:
            self._due = self.store.clock() + PAUSE
            own = translated_addresses(self.store.inventory, self.store.director)
            if own:
                loop = asyncio.get_running_loop()
                self._reading = loop.run_in_executor(None, self._read, own)
            elif self._last.own:
                self._take(_Reading({}, {}, None, 0.0, ""))

    async def flows_of(self, addresses: Collection[IPAddress]) -> int:
        """Return how many connections live on these addresses; DriverError when that cannot be read."""
        return await asyncio.to_thread(self.conntrack.flows_of, addresses)

    def status(self) -> PortsStatus:
        """Return what the last reading found."""
        last = self._last
        return PortsStatus(
            addresses={
                address: PortUseStatus(
                    kind=last.own[address].kind,
                    used=use.used,
                    capacity=CLIENT_PORTS,
                    connections=use.connections,
                    fullest=str(use.fullest or ""),
                )
                for address, use in last.uses.items()
            },
            conntrack=last.failures,
            warnings=(*([f"error: {last.error}"] if last.error else []), *map(str, self._alarms.values())),
        )

    def _read(self, own: Mapping[IPAddress, OwnAddress]) -> _Reading:
        began = self.cpu()
        try:
            uses = self.conntrack.port_use(own)
            return _Reading(own, uses, self.conntrack.failures(), self.cpu() - began, "")
        except DriverError as error:
            return _Reading(own, {}, None, self.cpu() - began, str(error))

    def _take(self, reading: _Reading) -> None:
        before, self._last = self._last, reading
        if reading.error:
            if reading.error != before.error:
                log.error("port use is not known", problem=reading.error)
            return  # the alarms stand
        found = alarms(reading.uses, reading.own, self._alarms)
        for address, alarm in found.items():
            last = self._alarms.get(address)
            if last is None or last.level < alarm.level:
                log.warning("ports run out", level=alarm.level.name.lower(), what=alarm.text)
        for address in self._alarms.keys() - found.keys() & reading.uses.keys():
            log.info("ports are free again", address=str(address), used=reading.uses[address].used)
        self._alarms = found
        if reading.failures is not None:
            self._say_failures(reading.failures)

    def _say_failures(self, now: ConntrackFailures) -> None:
        at = self.store.clock()
        if self._said is None:  # what was before us is no news
            self._said = at - SAY_EVERY, now
        said_at, said = self._said
        failed, dropped = now.insert_failed - said.insert_failed, now.drop - said.drop
        if at < said_at + SAY_EVERY or max(failed, dropped) <= 0:
            return
        self._said = at, now
        log.warning(
            "connection tracking dropped packets",
            insert_failed=failed,
            drop=dropped,
            hint="insert_failed: a port was taken, see the addresses' port use; "
            "drop alone: the table is full, see net.netfilter.nf_conntrack_max",
        )
