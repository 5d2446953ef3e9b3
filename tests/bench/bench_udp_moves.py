"""UDP senders whose members die: how long until each is answered by another, and how many others move.

Every forwarding method over IPv4 and IPv6, through four directors: the lab of the matrix with a quick check.
Two real servers' links go down at once. From there to the last sender's answer is ``udp_moves_ms``; from the
last director's last verdict, ``udp_moves_after_down_ms``. Needs root and IPVS; run inside a lab
(CLUSTERLB_LAB) it is the scenario, outside it brings the lab up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import yaml

from clusterlb.config.fields import parse_duration
from clusterlb.lab.control import ENVIRONMENT
from tests.bench.figures import Figure, main
from tests.support.lab_view import LabView, eventually, sh
from tests.support.udp_senders import Senders

INVENTORY = Path("inventory/examples/matrix.yaml")
CHECK = "{type: tcp, interval: 5s, timeout: 4s, rise: 1, fall: 3}"
QUICK = "{type: tcp, interval: 1s, timeout: 500ms, rise: 1, fall: 2}"
DEAD = ("r1", "r4")  # r4 is nat's
EXTRA = 500.0  # ms beyond the check's budget


def scenario() -> list[Figure]:
    """Run in a lab: senders, and two real servers that die."""
    lab = LabView()
    whole = yaml.safe_load(lab.inventory.read_text())
    services = [(vip, one) for vip, given in whole["vips"].items() for one in given["services"]]
    targets = [(vip, one["port"]) for vip, one in services if one["protocol"] == "udp"]
    check = yaml.safe_load(QUICK)
    budget = parse_duration(check["interval"]) * check["fall"] + parse_duration(check["timeout"])
    eventually(lab.all_next_hops, 300, "every director a next hop of every VIP")
    with closing(Senders(targets)) as senders:
        before = senders.ask()["flows"]
        assert {name for _, name in before} >= set(DEAD)
        for name in DEAD:
            for link in sh("ip", "-n", name, "-o", "link", "show", "up").splitlines():
                device = link.split(": ")[1].split("@")[0]
                if device != "lo" and "link/ether" in link:
                    sh("ip", "-n", name, "link", "set", device, "down")
        moved = senders.ask(*DEAD)
        answered = time.time()
    others = [
        (was, now) for (_, was), (_, now) in zip(before, moved["flows"], strict=True) if was not in DEAD
    ]
    mine = len(before) - len(others)
    print(f"{mine} of {len(before)} senders had a member that died; the budget is {budget * 1000:g} ms")
    return [
        Figure("udp_moves_ms", moved["seconds"] * 1000, "ms", budget * 1000 + EXTRA),
        Figure("udp_moves_after_down_ms", (answered - last_down(lab)) * 1000, "ms", EXTRA),
        Figure("udp_others_moved", sum(was != now for was, now in others), "flows", 0),
    ]


def last_down(lab: LabView) -> float:
    """Return when the last director had its last verdict DOWN, in seconds since 1970, from its log."""
    found = [
        datetime.fromisoformat(line.split()[0].removeprefix("timestamp="))
        for name in lab.directors
        for line in lab.log(name).splitlines()
        if "event=verdict" in line and "now=down" in line
    ]
    return max(found).timestamp()


def lab() -> int:
    """Bring the lab up and run the scenario in it."""
    text = INVENTORY.read_text()
    assert CHECK in text
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder, "matrix.yaml")
        inventory.write_text(text.replace(CHECK, QUICK))
        argv = [sys.executable, "-m", "clusterlb", "lab", "run", "--inventory", str(inventory), "--"]
        done = subprocess.run([*argv, sys.executable, "-m", "tests.bench.bench_udp_moves"], check=False)
    return done.returncode


if __name__ == "__main__":
    if os.environ.get(ENVIRONMENT):
        main(scenario)
    else:
        sys.exit(lab())
