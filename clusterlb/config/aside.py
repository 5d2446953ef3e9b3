"""Load an inventory in a child process, for a controller that lives for months.

Loading (YAML, pydantic, our models) needs 20 MB for a second a month, and leaves gaps between the objects
that stay. All of this memory is freed with the child process. Also, a reload blocks the controller's loop for
only a hundredth of the time that loading takes.

``python -m clusterlb.config.aside PATH`` writes the pickled result of ``load`` to its standard output.
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

    A process that has imported the loader already, such as the lab's directors, loads in itself. Files that
    another user may change are refused: they name programs that run here, and decide where traffic goes.
    """
    _refuse_unsafe(path)
    if LOADER in sys.modules:
        from clusterlb.config.load import load  # noqa: PLC0415 - imported already

        return load(path)
    done = fresh.run("clusterlb.config.aside", str(path))
    if done.returncode:
        text = f"the process that loads the inventory ended with {done.returncode}"
        hint = "its output is in the log"
        raise InventoryError((Problem(str(path), 0, 0, Severity.ERROR, text, hint),))
    inventory, problems = pickle.loads(done.stdout)  # noqa: S301 - written by main() a moment ago
    if inventory is None:
        raise InventoryError(problems)
    return inventory, problems


def _refuse_unsafe(path: Path) -> None:
    try:
        paths = [path, *files(path)]
    except UnusableFileError:
        return  # the loader reports it
    for each in paths:
        why, _, hint = unsafe(each).partition(": ")
        if why:
            raise InventoryError((Problem(printable_path(each), 0, 0, Severity.ERROR, why, hint),))


def main(path: Path) -> None:
    """Load an inventory and write it with its problems; SIGHUP, sent to all processes by name, is ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from clusterlb.config.load import load  # noqa: PLC0415 - only in the process that loads

    try:
        result: tuple[Inventory | None, tuple[Problem, ...]] = load(path)
    except InventoryError as error:
        result = None, error.problems
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as sink:
        pickle.dump(result, sink, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
