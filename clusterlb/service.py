"""Assemble one director's controller and run it until a signal ends it."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import pwd
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from clusterlb.api.server import ApiError, Server
from clusterlb.checks.quarantine import CheckEngines
from clusterlb.checks.wire import NOBODY
from clusterlb.controller.apply import Applier
from clusterlb.controller.daemon import Controller, Settings
from clusterlb.controller.journal import JournalError
from clusterlb.controller.kernel import Drivers, Kernel
from clusterlb.controller.last_good import LastGood
from clusterlb.controller.leave import leave
from clusterlb.controller.ledger import Ledger, LedgerError
from clusterlb.controller.lock import AlreadyRunningError, only_one
from clusterlb.controller.reload import UnknownDirectorError, director_of
from clusterlb.doctor.networkd import takes_away
from clusterlb.drivers.conntrack import KernelConntrack
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.link import KernelLinks
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.address import AddressFamily
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.readable import lines
from clusterlb.model.state import FrrLine
from clusterlb.render.frr import render_config
from clusterlb.render.templates import RenderError

# seconds: FRR on a busy small machine is slow; the switch notices a stuck FRR by BFD long before
FRR_TIMEOUT = 30.0

M_MMAP_THRESHOLD = -3  # glibc's malloc.h
LARGE = 128 * 1024  # bytes; where glibc begins


class StartError(Exception):
    """The controller cannot start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of ``clusterlb up``; ``metrics`` is (host, port), or None for no TCP port."""

    inventory: Path
    director: str
    run_dir: Path
    state_dir: Path
    pathspace: str | None
    metrics: tuple[str, int] | None
    once: bool = False
    check_user: str = NOBODY


def run(options: Options) -> bool:
    """Run a director's controller until it ends; return whether it was taken down.

    Raises InventoryError or StartError when it cannot start.
    """
    return_large_blocks()
    configure_logging()
    _require_root()
    _require_user(options.check_user)
    last_good = LastGood(options.inventory, options.state_dir)
    inventory, warnings, instead = last_good.load(options.director)
    if instead:
        structlog.get_logger().error("inventory rejected, the last good one is in force", problems=instead)
    for warning in warnings:
        structlog.get_logger().warning(
            "inventory", problem=f"{warning.file}:{warning.line}:{warning.column}: {warning.text}"
        )
    if foreign := takes_away(rules=bool(inventory.snat_pools)):
        structlog.get_logger().warning("host", problem=foreign)
    try:
        director = director_of(inventory, options.director)
        drivers = real_drivers(director.interfaces, options.pathspace, inventory.cluster.ospf.external)
        settings = Settings(options.inventory, options.director, options.state_dir)

        def engine(observe: Callable[[ProbeKey, Observation], None]) -> CheckEngines:
            return check_engine(observe, options.check_user)

        async def main() -> bool:
            controller = Controller(settings, inventory, director, drivers, frr_lines, engine)
            controller.settled = exempt_from_collection
            if instead:
                controller.reloader.take_for_rejected(instead)
            await serve(controller, options)
            return controller.is_down

        with only_one(options.state_dir):
            return asyncio.run(main())
    except (
        UnknownDirectorError,
        DriverError,
        RenderError,
        LedgerError,
        JournalError,
        AlreadyRunningError,
        ApiError,
    ) as error:
        raise StartError(str(error)) from error


async def serve(controller: Controller, options: Options) -> None:
    """Run a controller with its API and signals."""
    if options.once:
        await controller.run(once=True)
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, controller.stop)
    loop.add_signal_handler(signal.SIGHUP, controller.reload)
    server = Server(controller, options.run_dir, options.metrics)
    try:
        await server.start()
        await controller.run()
    finally:
        await server.close()


def take_down(state_dir: Path, pathspace: str | None, pace: float = 1.2) -> list[str]:
    """Take a director down whose controller does not run; return the problems."""
    configure_logging()
    _require_root()

    async def main() -> list[str]:
        ledger = Ledger(state_dir / "ledger.json")
        drivers = real_drivers((), pathspace)
        kernel = Kernel(drivers)
        try:
            applier = Applier(kernel, drivers.frr, pace=lambda: pace)
            return await leave(kernel, drivers.frr, ledger, applier, pace)
        finally:
            await kernel.close()

    try:
        with only_one(state_dir):
            return asyncio.run(main())
    except (DriverError, LedgerError, AlreadyRunningError) as error:
        raise StartError(str(error)) from error


def real_drivers(
    uplinks: tuple[str, ...], pathspace: str | None, external: frozenset[AddressFamily] | None = None
) -> Drivers:
    """Return the drivers of this network namespace and FRR; raise DriverError without IPVS.

    ``external``: the families whose VIPs are announced as external routes, None where that is not known.
    """
    return Drivers(
        KernelIpvs(),
        KernelLinks(uplinks, external),
        KernelSysctl(),
        FrrDaemon(pathspace, timeout=FRR_TIMEOUT),
        KernelRules(),
        KernelConntrack(),
    )


def frr_lines(inventory: Inventory, director: Director) -> tuple[FrrLine, ...]:
    """Return FRR's configuration for a director, line by line."""
    return parse(render_config(inventory, director))


def check_engine(observe: Callable[[ProbeKey, Observation], None], user: str = NOBODY) -> CheckEngines:
    """Return the client of check engines that run as a user; it logs how their processes fare."""
    log = structlog.get_logger()
    routine = ("the check engine started", "probes are sent again")

    def tell(event: str, facts: dict[str, Any]) -> None:
        (log.info if event in routine else log.warning)(event, **facts)

    return CheckEngines(observe, tell, user=user)


def exempt_from_collection() -> None:
    """Exempt the objects that exist now from Python's garbage collection, after one last collection.

    With 10,000 members, a full collection takes 200 to 400 ms, in which the loop stands still. Without the
    exempt objects, a collection takes 20 ms at most.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def return_large_blocks() -> None:
    """Have each block of 128 KiB or more returned to the kernel as soon as it is freed.

    By default, glibc raises this limit to the size of the largest block that was freed, up to 32 MiB
    (M_MMAP_THRESHOLD in mallopt(3)). Then what a status of 10,000 members needs for a moment stays: 10 MB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # else the C library is not glibc
        mallopt(M_MMAP_THRESHOLD, LARGE)


def configure_logging() -> None:
    """Log one line an event to stderr: coloured text on a terminal, key=value elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Readable("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    on_terminal = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if on_terminal
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _readable,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _require_user(user: str) -> None:
    try:
        pwd.getpwnam(user)
    except KeyError as error:
        text = f"this host knows no user {user!r} for the check engine: adduser --system {user}"
        raise StartError(f"{text}, or choose another with --check-user") from error


class _Readable(logging.Formatter):
    """Makes the records of libraries safe for a terminal, as ``_readable`` makes ours."""

    def format(self, record: logging.LogRecord) -> str:
        return lines(super().format(record))


def _readable(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape control characters in an event's texts, which others may have written: they move a cursor."""
    return {name: lines(value) if isinstance(value, str) else value for name, value in event.items()}


def _require_root() -> None:
    if os.geteuid() != 0:
        raise StartError("this needs root: it programs the kernel's IPVS, interfaces and FRR")
