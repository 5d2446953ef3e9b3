"""How long the kernel and the matrix lane take, one after the other, with their environments made."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.figures import Figure, main

BOUNDS = {"kernel": 200, "matrix": 90}


def measure() -> Iterator[Figure]:
    """Run each lane as a developer does."""
    for lane, bound in BOUNDS.items():
        tox = [sys.executable, "-m", "tox", "-q", "-e", lane]
        subprocess.run([*tox, "--notest"], check=True, stdout=sys.stderr)
        started = time.monotonic()
        subprocess.run(tox, check=True, stdout=sys.stderr)
        yield Figure(f"lane_{lane}_s", time.monotonic() - started, "s", bound)


if __name__ == "__main__":
    main(measure)
