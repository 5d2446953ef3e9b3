"""A list of directors' names, whoever writes one."""

from __future__ import annotations

from typing import Any

from clusterlb.config.hints import clip
from clusterlb.config.item import Everything, Placed
from clusterlb.config.nodes import Path
from clusterlb.config.report import Report
from clusterlb.config.wording import nearest_name


def lint_director_names(
    everything: Everything, placed: Placed[Any], path: Path, names: tuple[str, ...], report: Report
) -> None:
    """Check that the list at a path has each name once, and none that no director has."""
    item, known = placed.item, everything.director_names
    for index, name in enumerate(names):
        if name in names[:index]:
            report.error(
                item.source, item.at(*path, index), f"duplicate director `{clip(name)}`", "remove one of them"
            )
        elif everything.whole and known and name not in known:
            report.error(
                item.source,
                item.at(*path, index),
                f"director `{clip(name)}` does not exist",
                nearest_name(name, known) or "name one that is under `directors`, or add it there",
            )
