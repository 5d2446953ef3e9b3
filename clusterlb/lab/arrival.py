"""Wait until the switch has every director as a next hop of every VIP, and say who is missing if not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from clusterlb.lab.netns import LabError
from clusterlb.lab.routes import RouteWatch, Table
from clusterlb.lab.topology import SWITCH, Topology

_LOG_LINES = 12
_LOOK_EVERY = 1.0  # seconds between two looks at whether all controllers still run


def wait_for_next_hops(
    lab: Topology,
    seconds: float,
    say: Callable[[str], None],
    logs: Mapping[str, Path],
    ended: Callable[[], list[str]],
) -> None:
    """Return when the switch has all next hops.

    Raises LabError after ``seconds``, or as soon as ``ended`` names a director that has ended, with who is
    missing and the last lines of the logs.
    """
    until = time.monotonic() + seconds
    told = -1
    with RouteWatch(SWITCH) as watch:
        while True:
            missing = missing_next_hops(lab, watch.table())
            if not missing:
                say(f"the switch has all {len(lab.directors)} next hops")
                return
            there = len(lab.directors) - len(missing)
            if there != told:
                say(f"waiting for the switch: {there} of {len(lab.directors)} next hops")
                told = there
            if gone := ended():
                raise LabError(report(f"{', '.join(gone)} ended instead of serving", gone, logs))
            if time.monotonic() > until:
                why = f"after {seconds:g} s the switch has no next hop {', '.join(missing)}"
                raise LabError(report(why, list(missing), logs))
            watch.wait(_LOOK_EVERY)


def missing_next_hops(lab: Topology, table: Table) -> dict[str, list[IPv4Address]]:
    """Return the directors that are not next hops of every VIP, each with the VIPs that lack it."""
    missing: dict[str, list[IPv4Address]] = {}
    for vip in lab.vips:
        hops = table.get(IPv4Network(vip), ())
        for director in lab.directors:
            if director.router_id not in hops:
                missing.setdefault(director.name, []).append(vip)
    return missing


def report(why: str, names: list[str], logs: Mapping[str, Path]) -> str:
    """Write what happened and the last lines of these directors' logs."""
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
