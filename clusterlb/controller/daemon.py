"""The controller of one director: its loop, its clock, and what wakes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from clusterlb.controller.anchoring import Anchoring
from clusterlb.controller.apply import LOCK_PATIENCE, Applier
from clusterlb.controller.background import spawn
from clusterlb.controller.check_engine import CheckEngine
from clusterlb.controller.counters import CounterWatch
from clusterlb.controller.drains import Drains
from clusterlb.controller.elections import Elections
from clusterlb.controller.hairpin import Hairpins
from clusterlb.controller.handover import Handover
from clusterlb.controller.intents import Intents, RefusedError
from clusterlb.controller.journal import Journal
from clusterlb.controller.kernel import Drivers, Kernel
from clusterlb.controller.last_good import LastGood
from clusterlb.controller.leave import leave
from clusterlb.controller.ledger import Ledger
from clusterlb.controller.notify import Notifier, watchdog_interval
from clusterlb.controller.odd_tables import OddTables
from clusterlb.controller.peering import Peering
from clusterlb.controller.port_use import PortUse
from clusterlb.controller.pulse import LOOP, Pulse
from clusterlb.controller.readings import Readings
from clusterlb.controller.reconcile import Reconciler
from clusterlb.controller.reload import Reloader, RenderFrr
from clusterlb.controller.routing import Routing
from clusterlb.controller.schedule import Schedule
from clusterlb.controller.snat import Snat
from clusterlb.controller.store.events import Adopted, GoingDown, Observed, Troubles
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.store import SETTLED, Store
from clusterlb.controller.strays import Strays
from clusterlb.core.calendar.windows import next_window
from clusterlb.core.guard import refused_down
from clusterlb.core.place import Surroundings
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.monitor import LINKS, SETTINGS, Monitor
from clusterlb.drivers.nft.monitor import OUR_TABLE
from clusterlb.drivers.tables import filled
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.status import WindowStatus

log = structlog.get_logger()

SERVICES_EVERY = 1.0  # seconds; foreign edits are to be repaired within 2
LINKS_EVERY = 10.0  # the kernel tells of changes; this catches what it did not tell
ROUTING_EVERY = 0.5  # at most: each reading says by itself when it is worth its cost
COUNTERS_EVERY = 2.0  # as often as the kernel adds its counters up (ip_vs_est.c)
PEERS_EVERY = 1.0
TICK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the controller finds and keeps things."""

    inventory: Path
    director: str
    state_dir: Path


@dataclass(slots=True)
class Controller:
    """Runs until stopped; stopping changes nothing in the data path, ``down`` does.

    ``wall`` is the clock of intents and maintenance windows, in seconds since 1970.
    """

    settings: Settings
    inventory: Inventory
    director: Director
    drivers: Drivers
    render_frr: RenderFrr
    make_engine: Callable[[Callable[[ProbeKey, Observation], None]], CheckEngine]
    wall: Callable[[], float] = time.time
    notify: Notifier = field(default_factory=Notifier)
    settled: Callable[[], None] = lambda: None  # called when what was loaded is there to stay
    is_down: bool = field(default=False, init=False)
    ready: bool = field(default=False, init=False)  # the first cycle is over
    pulse: Pulse = field(init=False)
    reconciler: Reconciler = field(init=False)
    store: Store = field(init=False)
    readings: Readings = field(init=False)
    routing: Routing = field(init=False)
    counters: CounterWatch = field(init=False)
    drains: Drains = field(init=False)
    anchoring: Anchoring = field(init=False)
    strays: Strays = field(init=False)
    peering: Peering = field(init=False)
    odd_tables: OddTables = field(init=False)
    handover: Handover = field(init=False)
    elections: Elections = field(init=False)
    hairpins: Hairpins = field(init=False)
    port_use: PortUse = field(init=False)
    snat: Snat = field(init=False)
    intents: Intents = field(init=False)
    reloader: Reloader = field(init=False)
    engine: CheckEngine = field(init=False)
    broken: list[str] = field(init=False)  # what was found of no use at the start
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.pulse = Pulse(loop.time)
        kernel = Kernel(self.drivers)
        frr = self.render_frr(self.inventory, self.director)
        store = Store(Index(self.inventory, self.director, frr), loop.time, self._wake.set)
        self.store = store
        self.reconciler = Reconciler(
            store=store,
            kernel=kernel,
            frr=self.drivers.frr,
            ledger=Ledger(self.settings.state_dir / "ledger.json", go_on=True),
            applier=Applier(
                kernel,
                self.drivers.frr,
                pace=lambda: store.inventory.cluster.ospf.pace,
                say=lambda text: log.warning("waited", what=text),
                vips_of=store.vips_of,
            ),
        )
        self.readings = Readings(self.reconciler, kernel)
        self.routing = Routing(self.reconciler, self.drivers.frr)
        self.counters = CounterWatch(store, kernel, filled)
        self.port_use = PortUse(store, self.drivers.conntrack)
        self.snat = Snat(store, self.port_use.flows_of, self.wall)
        self.hairpins = Hairpins(store, kernel)
        self.elections = Elections(store, self.drivers.frr)
        self.anchoring = Anchoring(store, kernel)
        self.strays = Strays(store, kernel, self.anchoring)
        self.drains = Drains(store, kernel, self.wall, self.strays.counted)
        self.peering = Peering(store, self.anchoring)
        self.odd_tables = OddTables(store, self.peering)
        self.handover = Handover(
            store, self.strays, self.peering, lambda: store.mark_vips(store.inventory.vips)
        )
        self.reconciler.ready = self.strays.ready
        self.reconciler.handed_over = self.handover.ready
        journal = Journal(self.settings.state_dir / "intents.jsonl", go_on=True)
        self.intents = Intents(journal, store, self.look_around, self.wall)
        self.broken = [text for text in (self.reconciler.ledger.problem, journal.problem) if text]
        for text in self.broken:
            log.error("state", problem=text)
        self.engine = self.make_engine(lambda probe, seen: store.handle(Observed(probe, seen)))
        self.reloader = Reloader(
            self.settings.inventory,
            self.settings.director,
            self.render_frr,
            self.reconciler,
            lambda _: self._reloaded(),
            LastGood(self.settings.inventory, self.settings.state_dir).keep,
        )

    async def run(self, *, once: bool = False) -> None:
        """Bring the director up and keep it so until ``stop`` or ``down``; ``once`` ends after one cycle."""
        await self.adopt()
        if once:
            self.reconciler.applier.lock_patience = LOCK_PATIENCE
            await self._settle()
            return
        self._set_probes()
        await self._look_at_peers()
        await self.engine.start()
        monitors = (
            Monitor(LINKS, self._links_changed),
            Monitor(SETTINGS, self._host_changed),
            Monitor(OUR_TABLE, lambda: spawn(self.readings.rules())),
        )
        schedule = Schedule(self.intents.look)
        watched = self.pulse.watched
        schedule.every(SERVICES_EVERY, watched("the look at IPVS", self.readings.services))
        schedule.every(LINKS_EVERY, watched("the look at links", self.readings.links))
        schedule.every(ROUTING_EVERY, watched("the look at FRR", self._look_at_routing))
        schedule.every(COUNTERS_EVERY, watched("the look at counters", self._look_at_counters))
        schedule.every(PEERS_EVERY, watched("the look at peers", self._look_at_peers))
        schedule.every(TICK_EVERY, watched("the look at files", self._tick))
        self.intents.changed = lambda now: schedule.at(self.intents.changes(now))
        schedule.start()
        try:
            await self._loop()
        finally:
            schedule.stop()
            for monitor in monitors:
                monitor.close()
            self.strays.stop()
            await self.peering.close()
            self.reconciler.stop()
            await self.reconciler.configured()
            await self.engine.close()
            with suppress(DriverError):  # what is left is ended by the next controller
                await self.hairpins.end()
            await self.reconciler.kernel.close()

    async def adopt(self) -> None:
        """Read everything once and take it as it is: a start changes nothing that is right."""
        await self.readings.all()
        await self.routing.all()
        self.store.handle(Adopted())
        self.reconciler.later(self.store.clock() + SETTLED, None, None)
        self.snat.look()

    async def down(self, *, force: bool = False) -> list[str]:
        """Take the director down gracefully, then stop; return what could not be done.

        What could not be done can be tried again; meanwhile nothing is brought up again. Raises RefusedError
        where a guard says no and ``force`` does not overrule it.
        """
        store, reconciler = self.store, self.reconciler
        if not force and not store.leaving:
            around, silent = await self.look_around()
            if (why := refused_down(store.inventory, around, silent)) is not None:
                raise RefusedError(why)
        if not store.leaving:
            await self.handover.run()
        store.handle(GoingDown())
        self.notify(status="leaving: withdrawing all VIPs")
        await reconciler.configured()
        async with reconciler.lock:
            wait = max(0.0, store.all_ready_at() - store.clock())
            problems = await leave(
                reconciler.kernel, self.drivers.frr, reconciler.ledger, reconciler.applier, wait
            )
        store.handle(Troubles(tuple(problems)))
        if not problems:
            self.is_down = True
            self.stop()
        return problems

    async def look_around(self) -> tuple[Surroundings, str]:
        """Look at the other directors now, for a decision that hangs on them.

        Returns what is known of them, and why the look failed, empty where it has not.
        """
        await self.routing.cluster(at_once=True)
        await self.elections.look(at_once=True)
        return self.store.around(), self.routing.error

    def next_window(self) -> WindowStatus | None:
        """Return the next maintenance window of this director."""
        found = next_window(
            self.store.inventory.maintenance,
            self.store.director.name,
            datetime.fromtimestamp(self.wall(), UTC),
        )
        if found is None:
            return None
        window, begins, ends = found
        return WindowStatus(
            name=window.name, reason=window.reason, begins=begins.timestamp(), ends=ends.timestamp()
        )

    def stop(self) -> None:
        """End the loop; the data path stays as it is."""
        self._stop.set()
        self._wake.set()

    def reload(self) -> None:
        """Load the inventory again, as on SIGHUP."""
        spawn(self.reloader.reload())

    def _links_changed(self) -> None:
        self.routing.routes_moved()
        spawn(self.readings.links())

    def _host_changed(self) -> None:
        spawn(self.readings.settings())

    def _set_probes(self) -> None:
        self.engine.set_probes(self.store.index.probes)

    def _reloaded(self) -> None:
        self._set_probes()
        self.intents.refresh()
        self.settled()

    async def _loop(self) -> None:
        interval = min(watchdog_interval() or self.pulse.pause, self.pulse.pause)
        self._wake.set()
        while not self._stop.is_set():
            self.pulse.beat(LOOP)
            try:
                await asyncio.wait_for(self._wake.wait(), interval)
            except TimeoutError:
                self.notify(watchdog=1)
                continue
            self._wake.clear()
            if not self.store.leaving:
                await self.reconciler.cycle()
            if not self.ready:
                self.ready = True
                self.settled()
                self.notify(ready=1)
            self.notify(watchdog=1, status=self._summary())
        self.notify(stopping=1)

    async def _settle(self) -> None:
        """Run cycles until there is nothing more to do at once."""
        for _ in range(10):
            await self.reconciler.cycle()
            if not self.store.dirty:
                break
        self.reconciler.stop()
        await self.reconciler.kernel.close()

    async def _look_at_routing(self) -> None:
        """Look at FRR and at the other directors, which tell nobody when they change."""
        await self.routing.look()
        await self.elections.look()

    async def _look_at_peers(self) -> None:
        """Look at what the peers say, and whether their tables are this director's."""
        await self.peering.look()
        await self.odd_tables.look()

    async def _look_at_counters(self) -> None:
        """Look at the kernel's counters."""
        await asyncio.gather(self.counters.look(), self.drains.look(), self.port_use.look())
        if not self.store.leaving:
            await self.strays.look()
            await self.anchoring.look()
        await self.hairpins.look()
        async with self.reconciler.lock:
            if not self.store.paused and not self.store.leaving:
                await self.reconciler.flows.look()

    async def _tick(self) -> None:
        """Look at the files, and at the SNAT pools."""
        await self.reloader.watch()
        await self.snat.tick()

    def _summary(self) -> str:
        announced = len(self.store.inventory.vips.keys() & self.store.announced().keys())
        rest = len(self.store.inventory.vips) - announced
        return f"{announced} VIPs announced, {rest} not" if rest else f"{announced} VIPs announced"
