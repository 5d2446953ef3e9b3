"""A list of directors' names, whoever writes one."""

from __future__ import annotations

import difflib
from typing import Any

from clusterlb.config.item import Everything, Placed
from clusterlb.config.nodes import Path
from clusterlb.config.report import Report
from clusterlb.config.wording import clip


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
            close = difflib.get_close_matches(name, known, n=1)
            report.error(
                item.source,
                item.at(*path, index),
                f"director `{clip(name)}` does not exist",
                f"did you mean `{close[0]}`?"
                if close
                else "name one that is under `directors`, or add it there",
            )
