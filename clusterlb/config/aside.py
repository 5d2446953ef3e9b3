"""Load an inventory in a process of its own, for a controller that lives for months.

What reads and validates an inventory (YAML, pydantic and our models) and what it leaves between the objects
that last are 20 MB, needed for a second a month; with their process they go for good. And a reload keeps the
controller's interpreter from its loop for a hundredth of the time that loading takes.

``python -m clusterlb.config.aside PATH`` writes what ``load`` came to on its standard output.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

from clusterlb import fresh
from clusterlb.config.error import InventoryError
from clusterlb.config.problem import Problem, Severity
from clusterlb.model.inventory import Inventory

LOADER = "clusterlb.config.load"


def load_aside(path: Path) -> tuple[Inventory, tuple[Problem, ...]]:
    """Return the inventory and the warnings, or raise InventoryError, as ``load`` does.

    A process that has the loader in memory already, as each of the lab's directors has, uses that.
    """
    if LOADER in sys.modules:
        from clusterlb.config.load import load  # noqa: PLC0415 - it is there

        return load(path)
    # A process inherits what its parent's thread blocks: a SIGHUP waits until ``main`` ignores it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        # A session of its own: Ctrl-C on the controller's terminal is the controller's to answer.
        done = subprocess.run(
            fresh.argv("clusterlb.config.aside", str(path)),
            env=fresh.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            check=False,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if done.returncode:
        text = f"the process that was to load this ended with {done.returncode}"
        hint = "what it said is in the log"
        raise InventoryError((Problem(str(path), 0, 0, Severity.ERROR, text, hint),))
    inventory, problems = pickle.loads(done.stdout)  # noqa: S301 - written by main() a moment ago
    if inventory is None:
        raise InventoryError(problems)
    return inventory, problems


def main(path: Path) -> None:
    """Load an inventory and write it with its problems; SIGHUP, a reload by process name, is not for us."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from clusterlb.config.load import load  # noqa: PLC0415 - only in the process that loads

    try:
        found: tuple[Inventory | None, tuple[Problem, ...]] = load(path)
    except InventoryError as error:
        found = None, error.problems
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as sink:
        pickle.dump(found, sink, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
