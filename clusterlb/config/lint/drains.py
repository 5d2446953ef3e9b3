"""The brakes on drains, the dead man's switch, and the order of VIPs that one director serves."""

from __future__ import annotations

from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.director_names import lint_director_names
from clusterlb.config.report import Report
from clusterlb.model.inventory import Cluster, Vip


def lint_drains(everything: Everything, report: Report) -> None:
    """Check the brakes against the number of directors, and each VIP's order against their names."""
    if everything.cluster is not None:
        _brakes(everything, everything.cluster, report)
    for placed in everything.vips.values():
        _order(everything, placed, report)


def _brakes(everything: Everything, placed: Placed[Cluster], report: Report) -> None:
    item, cluster, count = placed.item, placed.value, len(everything.director_names)
    if not count or not everything.whole:
        return
    there_are = "there is 1 director" if count == 1 else f"there are {count} directors"
    used = item.written("min_announcers") or everything.maintenance
    if cluster.min_announcers >= count and used and placed.sure((), "min_announcers"):
        report.warning(
            item.source,
            item.at("min_announcers"),
            f"`min_announcers` is {cluster.min_announcers}, but {there_are}: no drain takes a VIP away",
            f"so many others would have to announce it: write at most {count - 1}, or add directors",
        )
    if cluster.max_drained is not None and cluster.max_drained >= count:
        report.warning(
            item.source,
            item.at("max_drained"),
            f"`max_drained` is {cluster.max_drained}, but {there_are}: all may be out at once",
            "write less to keep some in service, or remove it",
        )


def _order(everything: Everything, placed: Placed[Vip], report: Report) -> None:
    ha, item = placed.value.ha, placed.item
    if ha is None:
        return
    lint_director_names(everything, placed, ("ha", "order"), ha.order, report)
    if len(ha.order) == 1 and placed.complete("ha", "order"):
        report.warning(
            item.source,
            item.at("ha", "order"),
            f"VIP {item.name} has one director in its `order`: nobody stands by",
            "name a second director, or remove `ha` to have all of them serve",
        )
