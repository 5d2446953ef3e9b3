"""How many vtysh processes a director starts until its first announcement, and per minute when all is quiet.

A lab of eight on the kernel that this runs on. A script in front of vtysh on PATH writes down when each was
started and for which director. The lab's ``vtysh -b`` stands for Debian's start script and is not counted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from clusterlb.lab.control import ENVIRONMENT
from tests.bench.figures import Figure, main

SETTLED, MINUTE = 20.0, 60.0  # seconds after the lab is up: until all is quiet, and then counted
TO_ANNOUNCE, PER_MINUTE = 8, 27.5  # what this program measured before both were halved
CALLS = "CLUSTERLB_BENCH_VTYSH"
SHIM = f"""#!/bin/bash
echo "$EPOCHREALTIME $*" >> "${CALLS}"
exec {{vtysh}} "$@"
"""


def measure() -> Iterator[Figure]:
    """Bring a lab up with the script in front of vtysh, and read what it wrote."""
    with TemporaryDirectory(prefix="clusterlb-bench-") as name:
        folder = Path(name)
        vtysh = shutil.which("vtysh")
        assert vtysh is not None, "there is no vtysh"
        shim = folder / "vtysh"
        shim.write_text(SHIM.format(vtysh=vtysh))
        shim.chmod(0o755)
        calls = folder / "calls"
        env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", CALLS: str(calls)}
        argv = [sys.executable, "-m", "clusterlb", "lab", "run", "--", sys.executable, "-m", __spec__.name]
        answer = json.loads(subprocess.run(argv, env=env, check=True, stdout=subprocess.PIPE).stdout)
        asked = list(_asked(calls))
    until = [
        sum(at <= first for at, director in asked if director == name)
        for name, first in answer["announced"].items()
    ]
    quiet = [
        sum(answer["from"] <= at < answer["to"] for at, director in asked if director == name)
        for name in answer["announced"]
    ]
    yield Figure("vtysh_to_announce", median(until), "processes", TO_ANNOUNCE / 2, spread=max(until))
    yield Figure("vtysh_to_announce_was", TO_ANNOUNCE, "processes")
    minutes = (answer["to"] - answer["from"]) / 60
    per_minute = [count / minutes for count in quiet]
    yield Figure(
        "vtysh_per_minute", median(per_minute), "processes/min", PER_MINUTE / 2, spread=max(per_minute)
    )
    yield Figure("vtysh_per_minute_was", PER_MINUTE, "processes/min")


def look() -> None:
    """Run in the lab: let a quiet minute pass, and print when that was and when each director announced."""
    time.sleep(SETTLED)
    begun = time.time()
    time.sleep(MINUTE)
    description = json.loads(Path(os.environ[ENVIRONMENT]).read_text())
    announced = {
        name: _announced(Path(director["log"])) for name, director in description["directors"].items()
    }
    print(json.dumps({"announced": announced, "from": begun, "to": time.time()}))


def _announced(log: Path) -> float:
    """Return when a director first announced a VIP, in seconds since 1970."""
    for line in log.read_text().splitlines():
        found = re.search(r"timestamp=(\S+)", line)
        if found and re.search(r"event=vip .*lanes=(?!none)", line):
            return datetime.fromisoformat(found[1]).timestamp()
    raise ValueError(f"{log} names no announcement")


def _asked(calls: Path) -> Iterator[tuple[float, str]]:
    """Yield when a vtysh was started, and the pathspace that it was told."""
    for line in calls.read_text().splitlines():
        at, *words = line.split()
        if "-b" not in words and "-N" in words:
            yield float(at), words[words.index("-N") + 1]


if __name__ == "__main__":
    if ENVIRONMENT in os.environ:
        look()
    else:
        main(measure)
