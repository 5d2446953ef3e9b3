"""The real servers: set up by the generated script for operators, started and stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from clusterlb.lab.netns import LabError, execute, running, spawn
from clusterlb.lab.server import RealServer
from clusterlb.lab.topology import LabTopology, ServerHost
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory


def set_up_command(run_dir: Path, name: str) -> list[str]:
    """Return the command that runs a host's set-up script, with the host's own journal."""
    home = run_dir / name
    return ["env", f"RUNTIME_DIRECTORY={home}", "sh", str(home / "set-up.sh")]


class Servers:
    """The processes of all real servers."""

    def __init__(self, lab: LabTopology, log: Callable[[str], Path], run_dir: Path) -> None:
        self._lab = lab
        self._log = log
        self._run_dir = run_dir
        self._pids: dict[str, int] = {}

    def set_up(self, script: Callable[[Sequence[IPAddress]], str]) -> None:
        """Run each host's script in its namespace, all at the same time; raise LabError with the output."""
        pids = {}
        for server in self._lab.servers:
            name, command = server.name, set_up_command(self._run_dir, server.name)
            (self._run_dir / name).mkdir(exist_ok=True)
            Path(command[-1]).write_text(script(server.addresses), encoding="utf-8")
            pids[name] = execute(name, command, self._log(f"{name}-set-up"))
        for name, pid in pids.items():
            _, status = os.waitpid(pid, 0)
            if status:
                said = self._log(f"{name}-set-up").read_text(encoding="utf-8", errors="replace").strip()
                raise LabError(f"{' '.join(set_up_command(self._run_dir, name))} failed:\n{said}")

    def start(self, name: str) -> None:
        """Start a real server."""
        server = self._lab.server(name)
        if running(self._pids.get(name, 0)):
            raise LabError(f"{name} runs already")
        self._pids[name] = spawn(name, partial(_serve, server), self._log(name))

    def stop(self, name: str) -> None:
        """Kill a real server's process; its connections are reset."""
        pid = self._pids.pop(name, 0)
        if not running(pid):
            raise LabError(f"{name} does not run")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def pids(self) -> dict[str, int]:
        """Return the pids of the running real servers."""
        return {name: pid for name, pid in self._pids.items() if running(pid)}


def server_script(inventory: Inventory, addresses: Sequence[IPAddress]) -> str:
    """Return the generated set-up script for the real server with these addresses."""
    from clusterlb.render.realserver.needs import RealServerError
    from clusterlb.render.realserver.render import realserver_script

    try:
        return realserver_script(inventory, addresses)
    except RealServerError as error:
        raise LabError(str(error)) from error


def _serve(server: ServerHost) -> None:
    RealServer(server.name, server.ports, server.udp_ports).run()
