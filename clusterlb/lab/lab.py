"""A running lab: brought up, broken and mended on request, taken down."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from clusterlb.lab import baseline, network
from clusterlb.lab.arrival import Arrival
from clusterlb.lab.autopsy import autopsy
from clusterlb.lab.describe import describe
from clusterlb.lab.frr import Frr, baseline_announce, baseline_config, director_config, switch_config
from clusterlb.lab.inventory import inventory_text
from clusterlb.lab.netns import LabError, processes_in, run, spawn
from clusterlb.lab.server import Server
from clusterlb.lab.spec import Controller, Hash, LabSpec
from clusterlb.lab.switch import steer
from clusterlb.lab.topology import SWITCH, ServerHost, Topology, topology

RUN_DIR = Path("/run/clusterlb-lab")
_MODULES = ("ip_vs", "ip_vs_mh", "dummy")
_STEER = "switch-agent"

Say = Callable[[str], None]
RunClusterlb = Callable[[list[str]], None]


class Lab:
    """The whole cluster. One at a time on a machine: its namespaces have fixed names.

    ``run_clusterlb`` runs the ``clusterlb`` command in the process that calls it. It is called in children
    that were forked off this process, which has imported everything by then (``warm``): on an emulated
    machine that, and nothing else, makes eight controllers start in seconds. ``render_switch`` returns the
    FRR configuration of the switch that goes with an inventory.
    """

    def __init__(
        self,
        spec: LabSpec,
        run_clusterlb: RunClusterlb,
        warm: Callable[[], None],
        say: Say,
        render_switch: Callable[[Path], str],
    ) -> None:
        self.spec = spec
        self.topology: Topology = topology(spec)
        self._run_clusterlb = run_clusterlb
        self._warm = warm
        self._say = say
        self._render_switch = render_switch
        self._lock: TextIO | None = None
        self._logs = RUN_DIR / "log"
        self._frr = {name: Frr(name, self._logs) for name in (SWITCH, *self.directors)}
        self._directors: dict[str, int] = {}
        self._servers: dict[str, int] = {}
        self._agent = 0

    @property
    def directors(self) -> tuple[str, ...]:
        """Return the directors' names."""
        return tuple(director.name for director in self.topology.directors)

    @property
    def inventory(self) -> Path:
        """Return the inventory that the directors run from."""
        return RUN_DIR / "inventory.yaml"

    @property
    def description(self) -> Path:
        """Return the JSON file that tells others about this lab."""
        return RUN_DIR / "lab.json"

    @property
    def socket(self) -> Path:
        """Return the socket on which requests are taken, see ``control``."""
        return RUN_DIR / "lab.sock"

    def up(self) -> None:
        """Bring it all up and wait for the switch; raise LabError. Whatever happens, call ``down`` after."""
        self._claim()
        self._say("making namespaces, links and addresses")
        _load_modules()
        network.build(self.spec, self.topology)
        self._say(
            f"starting FRR in {len(self._frr)} namespaces and {len(self.topology.servers)} real servers"
        )
        self._start_routing()
        for server in self.topology.servers:
            self.start_server(server.name)
        if self.spec.switch.hash is Hash.MODULO:
            agent = partial(steer, self.topology, self.spec.switch.buckets)
            self._agent = spawn(SWITCH, agent, self.log(_STEER))
        if self.spec.controller is Controller.CLUSTERLB:
            self._warm()
            # what is there now is shared with the children for good; a collection would copy it page by page
            gc.collect()
            gc.freeze()
        self._frr[SWITCH].configure()
        self._say(f"starting {len(self.directors)} directors")
        Arrival(
            self.topology,
            start=self._first_start,
            ended=self._ended,
            logs={name: self.log(name) for name in self.directors},
            say=self._say,
            width=2 * (os.cpu_count() or 1),
            look=self._look,
        ).complete(self.spec.wait)

    def down(self) -> None:
        """Take it all down; never raises for what is gone already."""
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
        """Start a director's controller; a baseline director is programmed by the lab."""
        if self.director_runs(name):
            raise LabError(f"{name}'s controller runs already")
        if self.spec.controller is Controller.NONE:
            baseline.programme(self.spec, self.topology, name)
            return
        home = RUN_DIR / name
        home.mkdir(exist_ok=True)
        argv = ["up", "--inventory", str(self.inventory), "--director", name, "--metrics", "off"]
        argv += ["--run-dir", str(home), "--state-dir", str(home / "state"), "--pathspace", name]
        self._directors[name] = self.fork_clusterlb(name, argv, self.log(name))

    def fork_clusterlb(self, name: str, argv: Sequence[str], log: Path) -> int:
        """Run the ``clusterlb`` command on a director in a process of its own; return its pid."""
        return spawn(name, lambda: self._run_clusterlb(list(argv)), log)

    def director_runs(self, name: str) -> bool:
        """Say whether a director's controller runs."""
        pid = self._directors.get(name)
        return pid is not None and _runs(pid)

    def kill_director(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a director's controller a signal and wait until it ends; raise LabError if it does not."""
        if not self.director_runs(name):
            raise LabError(f"{name}'s controller does not run")
        pid = self._directors[name]
        os.kill(pid, number)
        deadline = time.monotonic() + 30
        while _runs(pid):
            if time.monotonic() > deadline:
                raise LabError(f"{name}'s controller did not end within 30 s of signal {number}")
            time.sleep(0.01)
        del self._directors[name]

    def fail_frr(self, name: str) -> None:
        """SIGKILL all of a director's FRR daemons."""
        self._frr[name].kill()

    def start_frr(self, name: str) -> None:
        """Start a director's FRR again, from the configuration file it left."""
        self._frr[name].kill()
        self._frr[name].start()
        self._frr[name].configure()

    def set_link(self, name: str, up: bool) -> None:
        """Plug or unplug a director's uplink."""
        network.set_port(self.topology.director(name).port, up)

    def crash(self, name: str) -> None:
        """Have a whole director die at once: FRR, controller and link."""
        self._frr[name].kill()
        self.set_link(name, up=False)
        if self.director_runs(name):
            self.kill_director(name)

    def announce(self, name: str, announced: bool) -> None:
        """Announce or withdraw a baseline director's VIPs."""
        if self.spec.controller is not Controller.NONE:
            raise LabError("clusterlb announces and withdraws by itself; use `clusterlb down`")
        baseline_announce(self.topology, name, announced)

    def start_server(self, name: str) -> None:
        """Start a real server."""
        server: ServerHost = self.topology.server(name)
        if _runs(self._servers.get(name, 0)):
            raise LabError(f"{name} runs already")
        self._servers[name] = spawn(name, _server(server, self.spec), self.log(name))

    def stop_server(self, name: str) -> None:
        """Kill a real server's process; its connections are reset."""
        pid = self._servers.pop(name, 0)
        if not _runs(pid):
            raise LabError(f"{name} does not run")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def processes(self) -> dict[str, Any]:
        """Return the pids of controllers, FRR daemons and real servers."""
        return {
            "directors": {name: pid for name, pid in self._directors.items() if _runs(pid)},
            "frr": {name: dict(frr.pids) for name, frr in self._frr.items()},
            "servers": {name: pid for name, pid in self._servers.items() if _runs(pid)},
        }

    def _look(self, name: str) -> str:
        return autopsy(name, RUN_DIR / name, str(self.topology.director(name).router_id))

    def _first_start(self, name: str) -> None:
        self._frr[name].configure()
        self.start_director(name)

    def _ended(self) -> list[str]:
        return [name for name, pid in self._directors.items() if not _runs(pid)]

    def _start_routing(self) -> None:
        configs = {SWITCH: switch_config(self.spec, self._render_switch(self.inventory))}
        for director in self.topology.directors:
            configs[director.name] = (
                director_config(director)
                if self.spec.controller is Controller.CLUSTERLB
                else baseline_config(self.spec, self.topology, director)
            )
        for name, frr in self._frr.items():
            frr.prepare(configs[name])
            frr.start()

    def _claim(self) -> None:
        """Take the machine's one lab, and remove what a killed one has left."""
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
            self._say("removing what an earlier lab, which was killed, has left")
            for pid in processes_in(left):
                os.kill(pid, signal.SIGKILL)
            for name in left:
                with contextlib.suppress(LabError):
                    run(["ip", "netns", "delete", name])
        self._logs.mkdir(exist_ok=True)
        self._logs.chmod(0o777)  # FRR's daemons write theirs as the user frr
        self.inventory.write_text(inventory_text(self.spec, self.topology), encoding="utf-8")
        described = describe(self.spec, self.topology, RUN_DIR, self._logs)
        self.description.write_text(json.dumps(described, indent=2), encoding="utf-8")


def _server(server: ServerHost, spec: LabSpec) -> Callable[[], None]:
    return lambda: Server(server.name, spec.service.port).run()


def _load_modules() -> None:
    """Load what the namespaces need; where something is built in, or missing, its first use says so."""
    for module in _MODULES:
        with contextlib.suppress(LabError):
            run(["modprobe", module])


def _runs(pid: int) -> bool:
    """Say whether a child of ours runs, and reap it when it does not."""
    if pid <= 0:
        return False
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False
