"""Start directors until the switch has each as a next hop of each VIP; report those that are missing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from clusterlb.lab.netns import LabError
from clusterlb.lab.routes import RouteWatch, Table
from clusterlb.lab.topology import SWITCH, LabTopology
from clusterlb.model.address import IPAddress

_LOG_LINES = 12
_COMMAND_SECONDS = 60.0  # that a command of ``diagnose`` may take
_LOOK_EVERY = 1.0  # seconds between two checks that all controllers still run
_HEAD_START = 20.0  # seconds after which a director that has not arrived no longer delays the next one


@dataclass(frozen=True, slots=True)
class Arrival:
    """Starts the directors of a lab, and waits for the switch.

    ``start`` starts a director; ``ended`` returns the directors whose controller has ended; ``say`` gets the
    progress; ``look`` returns a director's state seen from outside, for the report when it does not arrive.

    At most ``width`` directors start at a time: on a small machine more would starve each other, and miss
    time limits, such as that of a vtysh call.
    """

    lab: LabTopology
    start: Callable[[str], None]
    ended: Callable[[], list[str]]
    logs: Mapping[str, Path]
    say: Callable[[str], None]
    width: int
    look: Callable[[str], str] = lambda _: ""

    def complete(self, seconds: float) -> None:
        """Return when the switch has all next hops.

        Raises LabError after ``seconds``, or as soon as a director has ended, with the missing directors and
        the last lines of their logs.
        """
        until = time.monotonic() + seconds
        waiting = [director.name for director in self.lab.directors]
        started: dict[str, float] = {}
        told = -1
        with RouteWatch(SWITCH, ipv6=self.lab.ospf6) as watch:
            while (missing := missing_next_hops(self.lab, watch.table())) or waiting:
                arrived = len(self.lab.directors) - len(missing)
                if arrived != told:
                    self.say(f"the switch has {arrived} of {len(self.lab.directors)} next hops")
                    told = arrived
                self._check(missing, until, seconds)
                if waiting and self._room(missing, started):
                    name = waiting.pop(0)
                    self.start(name)
                    started[name] = time.monotonic()
                else:
                    watch.wait(min(_LOOK_EVERY, until - time.monotonic()))
        self.say(f"the switch has all {len(self.lab.directors)} next hops")

    def _room(self, missing: Mapping[str, object], started: Mapping[str, float]) -> bool:
        now = time.monotonic()
        busy = [name for name, at in started.items() if name in missing and now - at < _HEAD_START]
        return len(busy) < self.width

    def _check(self, missing: Mapping[str, object], until: float, seconds: float) -> None:
        if gone := self.ended():
            raise LabError(report(f"{', '.join(gone)} ended instead of serving", gone, self.logs))
        if time.monotonic() > until:
            why = f"after {seconds:g} s the switch has no next hop {', '.join(missing)}"
            seen = [self.look(name) for name in missing]
            raise LabError("\n".join([report(why, list(missing), self.logs), *seen]))


def missing_next_hops(lab: LabTopology, table: Table) -> dict[str, list[IPAddress]]:
    """Return the directors that the switch still lacks as next hops, each with the VIPs that lack it."""
    missing: dict[str, list[IPAddress]] = {}
    for vip, names in lab.announcers.items():
        hops = table.get(ip_network(vip), ())
        if len(hops) >= min(len(names), lab.width):
            continue
        for name in names:
            if lab.director(name).next_hop(vip.version) not in hops:
                missing.setdefault(name, []).append(vip)
    return missing


def report(why: str, names: list[str], logs: Mapping[str, Path]) -> str:
    """Return ``why`` and the last lines of these directors' logs."""
    lines = [why]
    for name in names:
        path = logs[name]
        lines.append(f"--- {name}: last lines of {path}")
        try:
            tail = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        except OSError as error:
            tail = [f"cannot be read: {error.strerror}"]
        lines += [f"    {line}" for line in tail or ["it is empty"]]
    return "\n".join(lines)


def diagnose(name: str, run_dir: Path, router_id: str, *, ospf6: bool = False) -> str:
    """Return the output of the commands that an operator would type for a director that did not arrive."""
    commands = [
        ["ip", "-n", name, "-br", "address"],
        ["vtysh", "-N", name, "-c", "show ip ospf neighbor"],
        ["vtysh", "-N", name, "-c", "show ip ospf interface"],
        ["vtysh", "-N", name, "-c", "show ip ospf database router self-originate"],
        ["vtysh", "-N", SWITCH, "-c", "show ip ospf neighbor"],
        ["vtysh", "-N", SWITCH, "-c", f"show ip ospf database router adv-router {router_id}"],
        ["vtysh", "-N", SWITCH, "-c", "show ip ospf database router self-originate"],
        ["vtysh", "-N", SWITCH, "-c", "show ip ospf route"],
        ["vtysh", "-N", SWITCH, "-c", "show ip ospf"],
        ["ip", "-n", SWITCH, "route"],
        [sys.executable, "-m", "clusterlb", "status", "--output", "json", "--run-dir", str(run_dir)],
    ]
    if ospf6:
        shows = ("neighbor", "route", "database")
        ospf6_of = [["vtysh", "-N", where, "-c", "show ipv6 ospf6 "] for where in (name, SWITCH)]
        commands += [[*argv[:-1], argv[-1] + what] for argv in ospf6_of for what in shows]
        commands.append(["ip", "-n", SWITCH, "-6", "route"])
    lines = []
    for argv in commands:
        lines += [f"--- {' '.join(argv)}", *(f"    {line}" for line in _output(argv).splitlines())]
    return "\n".join(lines)


def _output(argv: list[str]) -> str:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout + done.stderr
