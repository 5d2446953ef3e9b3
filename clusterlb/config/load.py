"""Inventory files -> Inventory, or every problem that they have."""

from __future__ import annotations

from pathlib import Path

from clusterlb.config.error import InventoryError
from clusterlb.config.groups import spread
from clusterlb.config.lint import lint
from clusterlb.config.problem import Problem, Severity
from clusterlb.config.render import render
from clusterlb.config.report import FullError, Report
from clusterlb.config.understand import understand
from clusterlb.model.inventory import Inventory

__all__ = ["InventoryError", "Problem", "Severity", "load", "render"]


def load(path: Path) -> tuple[Inventory, tuple[Problem, ...]]:
    """Read one file, or the ``*.yaml`` and ``*.yml`` files of a folder, merged in the order of their names.

    Returns the inventory and the warnings. Raises InventoryError with all problems when one is an error;
    it raises nothing else, whatever the files hold.
    """
    report = Report()
    try:
        inventory = _load(path, report)
    except FullError:
        inventory = None
    problems = report.ordered()
    if inventory is None:
        raise InventoryError(problems)
    return inventory, problems


def _load(path: Path, report: Report) -> Inventory | None:
    everything, digest = understand(path, report)
    if everything is None:
        return None
    lint(everything, report)
    if report.errors or everything.cluster is None:
        return None
    return Inventory(
        everything.cluster.value,
        {name: placed.value for name, placed in everything.directors.items()},
        {name: placed.value for name, placed in everything.pools.items()},
        spread(placed.value for placed in everything.vips.values()),
        tuple(placed.value for placed in everything.maintenance),
        {name: placed.value for name, placed in everything.snat_pools.items()},
        digest=digest,
    )
