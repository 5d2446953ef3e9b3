"""What the layers above the lab do for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Hooks:
    """Functions that a lab calls.

    ``run_clusterlb`` runs the ``clusterlb`` command in the process that calls it. It is called in children
    that were forked off this process, which has imported everything by then (``warm``): on an emulated
    machine that, and nothing else, makes eight controllers start in seconds. ``configured`` returns an
    frr.conf with what clusterlb adds to it on the director of this name, and records that in the director's
    state directory, as a controller does: the lab's directors are like those that were restarted, their FRR
    has everything when it starts. ``render_router`` returns the FRR configuration of a router beside the
    directors, from its port towards them and its router id; ``render_server`` the set-up script of the real
    server with these addresses.
    """

    run_clusterlb: Callable[[list[str]], None]
    warm: Callable[[], None]
    say: Callable[[str], None]
    configured: Callable[[Inventory, str, str, Path], str]
    render_router: Callable[[Inventory, str, str], str]
    render_server: Callable[[Inventory, Sequence[IPAddress]], str]
