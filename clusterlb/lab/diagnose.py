"""Diagnose a director that did not arrive: its addresses, its OSPF, its controller, and the switch's OSPF."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from clusterlb.lab.topology import SWITCH

_SECONDS = 60.0


def diagnose(name: str, run_dir: Path, router_id: str, *, ospf6: bool = False) -> str:
    """Return the output of the commands that an operator would type; a failing command does not raise."""
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
            argv, capture_output=True, text=True, check=False, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stdout + done.stderr
