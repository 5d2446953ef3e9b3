"""How long the lab of eight directors takes, from the command to the last next hop at the switch."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from tests.bench.figures import Figure, main

RUNS = 3


def measure() -> Iterator[Figure]:
    """Start the lab that needs no options, some times."""
    times = [up() for _ in range(RUNS)]
    yield Figure("lab_up_s", median(times), "s", 15, spread=max(times))


def up() -> float:
    """Return the seconds of one run; the guest, if it takes one, starts within them."""
    argv = [sys.executable, "-m", "clusterlb", "lab", "run", "--", "echo", "up"]
    started = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return time.monotonic() - started


if __name__ == "__main__":
    main(measure)
