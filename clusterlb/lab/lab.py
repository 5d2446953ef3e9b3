"""A running lab: brought up, broken and repaired on request, taken down."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from clusterlb.lab import network
from clusterlb.lab.arrival import Arrival, diagnose
from clusterlb.lab.describe import describe
from clusterlb.lab.director import program_baseline, run_clusterlb, warm
from clusterlb.lab.frr import (
    Frr,
    baseline_announce,
    baseline_config,
    configured_director,
    core_config,
    router_config,
    switch_config,
)
from clusterlb.lab.host import load_modules
from clusterlb.lab.netns import LabError, processes_in, run, running, spawn
from clusterlb.lab.network import UPLINK_BRIDGE
from clusterlb.lab.servers import Servers, server_script
from clusterlb.lab.spec import Hash, LabSpec, Programmer, SpecError
from clusterlb.lab.switch import steer
from clusterlb.lab.topology import (
    CORE,
    CORE_ON_SERVERS,
    SWITCH,
    SWITCH_ON_UPLINK,
    UPLINK,
    LabTopology,
    topology,
)
from clusterlb.model.inventory import Inventory

RUN_DIR = Path("/run/clusterlb-lab")
# controllers that start at the same time, for each processor: more starve each other, fewer leave it idle
_AT_A_TIME = 4


class Lab:
    """The whole cluster. One lab at a time on a machine: the namespaces have fixed names.

    ``text`` is the inventory file for the directors, and ``inventory`` its content; ``say`` is called with
    each step. Raises SpecError when the spec contradicts the inventory, LabError when the inventory does not
    fit the test network.
    """

    def __init__(self, spec: LabSpec, text: str, inventory: Inventory, say: Callable[[str], None]) -> None:
        self.spec = spec
        self.topology: LabTopology = topology(inventory)
        if self.topology.ospf6 and spec.switch.hash is Hash.MODULO:
            raise SpecError(
                "switch.hash: modulo steers IPv4 only, and there are IPv6 vip_prefixes: use kernel"
            )
        self._text = text
        self._inventory = inventory
        self._say = say
        self._lock: TextIO | None = None
        self._logs = RUN_DIR / "log"
        self.inventory = RUN_DIR / "inventory.yaml"  # that the directors run from
        self.description = RUN_DIR / "lab.json"  # of this lab, for other programs
        self.socket = RUN_DIR / "lab.sock"  # for requests, see ``control``
        self.directors = tuple(director.name for director in self.topology.directors)
        names = (*self.topology.routers, *self.directors)
        self._frr = {name: Frr(name, self._logs, self.topology.ospf6) for name in names}
        self._directors: dict[str, int] = {}
        self.servers = Servers(self.topology, self.log, RUN_DIR)

    def up(self) -> None:
        """Bring the lab up and wait for the switch; raise LabError. Call ``down`` afterwards in any case."""
        self._claim()
        self._say("making namespaces, links and addresses")
        load_modules(self._inventory)
        network.build(self.topology, bare=self.spec.controller is Programmer.NONE)
        self._say(
            f"starting FRR in {len(self._frr)} namespaces and {len(self.topology.servers)} real servers"
        )
        self._start_routing()
        self.servers.set_up(partial(server_script, self._inventory))
        for server in self.topology.servers:
            self.servers.start(server.name)
        if self.spec.switch.hash is Hash.MODULO:
            agent = partial(steer, self.topology, self.spec.switch.buckets)
            spawn(SWITCH, agent, self.log("switch-agent"))
        if self.spec.controller is Programmer.CLUSTERLB:
            warm()
        for frr in self._frr.values():
            frr.configure()
        self._say(f"starting {len(self.directors)} directors")
        Arrival(
            self.topology,
            start=self.start_director,
            ended=self._ended,
            logs={name: self.log(name) for name in self.directors},
            say=self._say,
            width=_AT_A_TIME * (os.cpu_count() or 1),
            look=self._look,
        ).complete(self.spec.wait)

    def down(self) -> None:
        """Take the lab down; parts that are gone already do not raise."""
        if self._lock is None:
            return
        names = self.topology.names
        for _ in range(10):
            pids = processes_in(names)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not pids:
                break
            time.sleep(0.05)
        network.remove(self.topology)
        for frr in self._frr.values():
            frr.discard()
        shutil.rmtree(RUN_DIR, ignore_errors=True)
        self._lock.close()
        self._lock = None

    def log(self, name: str) -> Path:
        """Return the log of a director, a real server or the switch's agent."""
        return self._logs / f"{name}.log"

    def start_director(self, name: str) -> None:
        """Start a director's controller; program a baseline director."""
        if self.director_runs(name):
            raise LabError(f"{name}'s controller runs already")
        if self.spec.controller is Programmer.NONE:
            program_baseline(self.spec, self.topology, name)
            return
        home = RUN_DIR / name
        home.mkdir(exist_ok=True)
        argv = ["up", "--inventory", str(self.inventory), "--director", name, "--metrics", "off"]
        argv += ["--run-dir", str(home), "--state-dir", str(self._state(name)), "--pathspace", name]
        self._directors[name] = self.fork_clusterlb(name, argv, self.log(name))

    def fork_clusterlb(self, name: str, argv: Sequence[str], log: Path) -> int:
        """Run the ``clusterlb`` command on a director in a process of its own; return its pid."""
        return spawn(name, partial(run_clusterlb, argv), log)

    def director_runs(self, name: str) -> bool:
        """Say whether a director's controller runs."""
        pid = self._directors.get(name)
        return pid is not None and running(pid)

    def kill_director(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a director's controller a signal and wait until it ends; raise LabError if it does not."""
        if not self.director_runs(name):
            raise LabError(f"{name}'s controller does not run")
        pid = self._directors[name]
        os.kill(pid, number)
        deadline = time.monotonic() + 30
        while running(pid):
            if time.monotonic() > deadline:
                raise LabError(f"{name}'s controller did not end within 30 s of signal {number}")
            time.sleep(0.01)
        del self._directors[name]

    def fail_frr(self, name: str) -> None:
        """SIGKILL all of a director's FRR daemons."""
        self._frr[name].kill()

    def start_frr(self, name: str) -> None:
        """Start a director's FRR again, from its last configuration file."""
        self._frr[name].kill()
        self._frr[name].start()
        self._frr[name].configure()

    def set_link(self, name: str, up: bool) -> None:
        """Plug a director's links, or unplug its uplink."""
        director = self.topology.director(name)
        network.set_port(director.port, up)
        if up:  # a crash has unplugged it
            network.set_port(director.inside_port, up)

    def crash(self, name: str) -> None:
        """Kill a director's FRR and controller, and unplug both links."""
        self._frr[name].kill()
        self.set_link(name, up=False)
        network.set_port(self.topology.director(name).inside_port, up=False)
        if self.director_runs(name):
            self.kill_director(name)

    def announce(self, name: str, announced: bool) -> None:
        """Announce or withdraw a baseline director's VIPs."""
        if self.spec.controller is not Programmer.NONE:
            raise LabError("clusterlb announces and withdraws by itself; use `clusterlb down`")
        baseline_announce(self.topology, name, announced)

    def processes(self) -> dict[str, Any]:
        """Return the pids of controllers, FRR daemons and real servers."""
        return {
            "directors": {name: pid for name, pid in self._directors.items() if running(pid)},
            "frr": {name: dict(frr.pids) for name, frr in self._frr.items()},
            "servers": self.servers.pids(),
        }

    def _state(self, name: str) -> Path:
        return RUN_DIR / name / "state"

    def _look(self, name: str) -> str:
        router_id = str(self.topology.director(name).router_id)
        return diagnose(name, RUN_DIR / name, router_id, ospf6=self.topology.ospf6)

    def _ended(self) -> list[str]:
        return [name for name, pid in self._directors.items() if not running(pid)]

    def _start_routing(self) -> None:
        render = partial(router_config, self._inventory)
        configs = {SWITCH: switch_config(self.spec, render(UPLINK_BRIDGE, str(SWITCH_ON_UPLINK)))}
        if self.topology.core:
            configs[CORE] = core_config(render(UPLINK, str(CORE_ON_SERVERS)))
        for director in self.topology.directors:
            name = director.name
            configs[name] = (
                configured_director(self._inventory, director, self._state(name))
                if self.spec.controller is Programmer.CLUSTERLB
                else baseline_config(self.spec, self.topology, director)
            )
        for name, frr in self._frr.items():
            frr.prepare(configs[name])
            frr.start_zebra()
        for frr in self._frr.values():
            frr.start_others()

    def _claim(self) -> None:
        """Lock the machine for this lab, write its files, and remove the remains of a killed lab."""
        RUN_DIR.mkdir(mode=0o755, exist_ok=True)
        lock = (RUN_DIR.parent / f"{RUN_DIR.name}.lock").open("w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise LabError("another lab runs on this machine: end that one first") from error
        self._lock = lock
        if self.description.exists():
            left = json.loads(self.description.read_text(encoding="utf-8"))["namespaces"]
            self._say("removing the remains of an earlier lab that was killed")
            for pid in processes_in(left):
                os.kill(pid, signal.SIGKILL)
            for name in left:
                with contextlib.suppress(LabError):
                    run(["ip", "netns", "delete", name])
        self._logs.mkdir(exist_ok=True)
        self._logs.chmod(0o777)  # FRR's daemons write their logs as the user frr
        self.inventory.write_text(self._text, encoding="utf-8")
        described = describe(self.spec, self._inventory, self.topology, RUN_DIR, self._logs)
        self.description.write_text(json.dumps(described, indent=2), encoding="utf-8")
