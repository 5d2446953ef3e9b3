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
import sys
from pathlib import Path

from clusterlb import fresh
from clusterlb.config.error import InventoryError
from clusterlb.config.files import files, printable_path
from clusterlb.config.problem import Problem, Severity
from clusterlb.config.source import UnusableFileError
from clusterlb.model.inventory import Inventory
from clusterlb.ownership import unsafe

LOADER = "clusterlb.config.load"


def load_aside(path: Path) -> tuple[Inventory, tuple[Problem, ...]]:
    """Return the inventory and the warnings, or raise InventoryError, as ``load`` does.

    A process that has the loader in memory already, as each of the lab's directors has, uses that. What
    somebody else may change is refused: it says what runs here as root, and where traffic goes.
    """
    _refuse_unsafe(path)
    if LOADER in sys.modules:
        from clusterlb.config.load import load  # noqa: PLC0415 - it is there

        return load(path)
    done = fresh.run("clusterlb.config.aside", str(path))
    if done.returncode:
        text = f"the process that was to load this ended with {done.returncode}"
        hint = "what it said is in the log"
        raise InventoryError((Problem(str(path), 0, 0, Severity.ERROR, text, hint),))
    inventory, problems = pickle.loads(done.stdout)  # noqa: S301 - written by main() a moment ago
    if inventory is None:
        raise InventoryError(problems)
    return inventory, problems


def _refuse_unsafe(path: Path) -> None:
    try:
        found = [path, *files(path)]
    except UnusableFileError:
        return  # the loader says why
    for each in found:
        why, _, hint = unsafe(each).partition(": ")
        if why:
            raise InventoryError((Problem(printable_path(each), 0, 0, Severity.ERROR, why, hint),))


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
