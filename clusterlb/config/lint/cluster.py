"""The cluster section: OSPF's timers and costs, and the prefixes."""

from __future__ import annotations

from clusterlb.config.fields import duration_text
from clusterlb.config.item import Everything, Placed
from clusterlb.config.report import Report
from clusterlb.model.inventory import Cluster

MIN_LS_ARRIVAL = 1.0  # seconds, RFC 2328 appendix B; FRR's `timers lsa min-arrival` default


def lint_cluster(everything: Everything, report: Report) -> None:
    """Check timers, costs, the key and the prefixes against each other."""
    if everything.cluster is None:
        return
    _timers(everything.cluster, report)
    _costs(everything.cluster, report)
    _key(everything.cluster, report)
    _prefixes(everything.cluster, report)


def _timers(placed: Placed[Cluster], report: Report) -> None:
    item, ospf = placed.item, placed.value.ospf
    if ospf.dead <= ospf.hello and placed.sure(("ospf",), "hello", "dead"):
        report.error(
            item.source,
            item.at("ospf", "dead"),
            f"`dead` is {duration_text(ospf.dead)}, not longer than `hello`, {duration_text(ospf.hello)}",
            "every neighbour would be lost between two hellos; three times `hello` is usual",
        )
    if ospf.pace < MIN_LS_ARRIVAL:
        report.warning(
            item.source,
            item.at("ospf", "pace"),
            f"`pace` is {duration_text(ospf.pace)}, below the default MinLSArrival of 1s",
            "a switch drops an LSA that comes within its MinLSArrival without a word, and the retry takes "
            "seconds; go below 1s only where the switch's `timers lsa min-arrival` is lower",
        )


def _costs(placed: Placed[Cluster], report: Report) -> None:
    item, costs = placed.item, placed.value.ospf.costs
    pairs = (
        ("active", costs.active, "standby", costs.standby),
        ("standby", costs.standby, "drained", costs.drained),
    )
    for low, low_cost, high, high_cost in pairs:
        if low_cost >= high_cost and placed.sure(("ospf", "costs"), low, high):
            report.error(
                item.source,
                item.at("ospf", "costs", high),
                f"cost of `{high}` is {high_cost}, not above that of `{low}`, {low_cost}",
                "the switch takes the lowest cost there is: active < standby < drained",
            )


def _key(placed: Placed[Cluster], report: Report) -> None:
    item = placed.item
    if (
        item.written("ospf", "md5_key_id")
        and placed.value.ospf.md5_key is None
        and placed.sure(("ospf",), "md5_key")
    ):
        report.warning(
            item.source,
            item.key_at("ospf", "md5_key_id"),
            "`md5_key_id` without `md5_key` does nothing",
            "add the key, or remove its number",
        )


def _prefixes(placed: Placed[Cluster], report: Report) -> None:
    item, prefixes = placed.item, placed.value.vip_prefixes
    for index, prefix in enumerate(prefixes):
        for earlier, other in enumerate(prefixes[:index]):
            if prefix.version == other.version and prefix.overlaps(other):
                report.error(
                    item.source,
                    item.at("vip_prefixes", index),
                    f"prefix {prefix} overlaps {other}",
                    f"the other is at {item.where('vip_prefixes', earlier)}; keep the wider one",
                )
                break
