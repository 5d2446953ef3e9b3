"""A director's controller in a process of its own, inside a namespace, that does as it is told.

Links and FRR are real; IPVS is a fake that, like the kernel's, outlives the controller.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterlb.controller.daemon import Controller, Settings
from clusterlb.controller.kernel import Drivers
from clusterlb.controller.store.events import Observed
from clusterlb.core.host import sysctls
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.ipvs import errors
from clusterlb.drivers.link import KernelLinks
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.inventory import Inventory
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.plan import AddService, IpvsStep, StepError
from clusterlb.model.status import EngineStatus
from clusterlb.render.frr import render_config
from tests.frr.conftest import enter
from tests.support.fake_conntrack import FakeConntrack
from tests.support.fake_ipvs import FakeIpvs
from tests.support.intents import drain

FIRST = 0.3  # seconds until the first observation: a controller decides without verdicts first


@dataclass(frozen=True, slots=True)
class Post:
    """Whose controller it is, and where it keeps its files."""

    name: str
    inventory: Inventory
    root: Path

    @property
    def log(self) -> Path:
        return self.root / f"{self.name}.log"

    @property
    def ipvs(self) -> Path:
        return self.root / f"{self.name}.ipvs"


class KeptIpvs(FakeIpvs):
    """An IPVS table in a file, so that it outlives its controller; refuses services while told to."""

    def __init__(self, file: Path) -> None:
        super().__init__(kept(file))
        self.file = file

    def apply(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        if self.file.with_suffix(".refuse").exists():
            refused = [step for step in steps if isinstance(step, AddService)]
            others = [step for step in steps if not isinstance(step, AddService)]
            why = [StepError(step, errno.ENOMEM, errors.meaning(step, errno.ENOMEM)) for step in refused]
            return why + super().apply(others)
        failed = super().apply(steps)
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(pickle.dumps(self.read()))
        fresh.replace(self.file)
        return failed


def kept(file: Path) -> dict[ServiceKey, ServiceState]:
    """Return the table in a file; empty when there is none yet."""
    return pickle.loads(file.read_bytes()) if file.exists() else {}


def run(namespace: str, one: Post, control: socket.socket) -> None:
    """Be the controller's process: take orders, one JSON object a line, until the end of input."""
    try:
        log = os.open(one.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)  # pytest's are its own
        enter(namespace)
        asyncio.run(_serve(namespace, one, control))
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - a forked child must end here, whatever happens
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


class _Engine:
    """Sees every member as it is told to, at once."""

    def __init__(self, controller: Callable[[], Controller]) -> None:
        self._controller = controller
        self.stats = EngineStatus(alive=True)
        self.failing: set[str] = set()

    def unprobed(self) -> dict[ProbeKey, str]:
        return {}

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def set_probes(self, keys: Iterable[object]) -> None:
        asyncio.get_running_loop().call_later(FIRST, self.look)

    def look(self) -> float:
        """Observe all; return when."""
        controller, now = self._controller(), time.monotonic()
        for probe, uses in controller.store.index.roster.users.items():
            pools = {pool for use in uses for pool in use.pools}
            controller.store.handle(
                Observed(probe, Observation(not pools & self.failing, now, 0.0, "as told"))
            )
        return now


async def _serve(namespace: str, one: Post, control: socket.socket) -> None:
    proc = one.root / f"{one.name}-proc"
    for setting in sysctls(one.inventory, one.inventory.directors[one.name]):
        (proc / setting).parent.mkdir(parents=True, exist_ok=True)
        (proc / setting).write_text("0\n")
    engine = _Engine(lambda: controller)
    controller = Controller(
        Settings(one.root / "inventory.yaml", one.name, one.root / f"{one.name}-state"),
        one.inventory,
        one.inventory.directors[one.name],
        Drivers(
            KeptIpvs(one.ipvs),
            KernelLinks(("e0",), one.inventory.cluster.ospf.external),
            KernelSysctl(proc),
            FrrDaemon(namespace),
            KernelRules(),
            FakeConntrack(),
        ),
        lambda cluster, director: parse(render_config(cluster, director)),
        lambda observe: engine,
    )
    reader, writer = await asyncio.open_connection(sock=control)

    async def obey() -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await _obey(controller, engine, json.loads(line))).encode() + b"\n")
            await writer.drain()

    obedient = asyncio.create_task(obey())
    await controller.run()
    obedient.cancel()


async def _obey(controller: Controller, engine: _Engine, order: dict[str, Any]) -> object:
    match order:
        case {"do": "members", "up": up, "vips": vips}:
            named = {f"p{number}" for number in vips or range(len(controller.inventory.vips))}
            engine.failing = engine.failing - named if up else engine.failing | named
            return engine.look()
        case {"do": "drain", "begins": begins, "length": length}:
            # as one that was planned an hour ago, as all others' may be: no guard is asked
            controller.intents._clock = lambda: time.time() - 3600
            await controller.intents.set(drain(begins=begins or time.time()), length)
            controller.intents._clock = time.time
            controller.intents.look()
        case {"do": "undrain"}:
            controller.intents.clear(*drain().name)
        case {"do": "lanes"}:
            decided = controller.store.decided
            return {
                str(vip): [*sorted(lane.value for lane in one.lanes), str(one.because)]
                for vip, one in decided.items()
            }
    return None
