"""The ``clusterlb`` command in a process of the lab's.

The process is forked off this one, which has imported everything by then: on an emulated machine that, and
nothing else, makes eight controllers start in seconds.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from importlib import import_module

# what each of the processes would import by itself
_WARM = (
    "clusterlb.api.run",
    "clusterlb.api.server",
    "clusterlb.cli.down",
    "clusterlb.cli.plan",
    "clusterlb.cli.status",
    "clusterlb.cli.up",
    "clusterlb.config.load",
    "clusterlb.controller.daemon",
)


def warm() -> None:
    """Import what the command needs, and share it with the children for good."""
    for name in _WARM:
        import_module(name)
    gc.collect()
    gc.freeze()  # a collection would copy what is shared, page by page


def run_clusterlb(argv: Sequence[str]) -> None:
    """Run the command in this process, and end it."""
    from clusterlb.cli.main import main

    main.main(list(argv), prog_name="clusterlb", standalone_mode=True)
