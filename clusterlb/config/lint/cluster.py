"""The cluster section: OSPF's timers and costs, the prefixes, director checks, and the limits of drains."""

from __future__ import annotations

from clusterlb.config.fields import duration_text
from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.checks import lint_check
from clusterlb.config.report import Report
from clusterlb.model.inventory import Cluster

MIN_LS_ARRIVAL = 1.0  # seconds, RFC 2328 appendix B; FRR's `timers lsa min-arrival` default


def lint_cluster(everything: Everything, report: Report) -> None:
    """Check the section's values against each other, and against the number of directors."""
    if everything.cluster is None:
        return
    _timers(everything.cluster, report)
    _costs(everything.cluster, report)
    _key(everything.cluster, report)
    _prefixes(everything.cluster, report)
    _director_checks(everything.cluster, report)
    _drain_limits(everything, everything.cluster, report)


def _timers(placed: Placed[Cluster], report: Report) -> None:
    item, ospf = placed.item, placed.value.ospf
    if ospf.dead <= ospf.hello and placed.sure(("ospf",), "hello", "dead"):
        report.error(
            item.at("ospf", "dead"),
            f"`dead` is {duration_text(ospf.dead)}, not longer than `hello`, {duration_text(ospf.hello)}",
            "every neighbour would be lost between two hellos; three times `hello` is usual",
        )
    if ospf.pace < MIN_LS_ARRIVAL:
        report.warning(
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
                item.at("ospf", "costs", high),
                f"cost of `{high}` is {high_cost}, not above that of `{low}`, {low_cost}",
                "the switch takes the lowest cost there is: active < standby < drained",
            )


def _key(placed: Placed[Cluster], report: Report) -> None:
    item = placed.item
    if (
        item.has("ospf", "md5_key_id")
        and placed.value.ospf.md5_key is None
        and placed.sure(("ospf",), "md5_key")
    ):
        report.warning(
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
                    item.at("vip_prefixes", index),
                    f"prefix {prefix} overlaps {other}",
                    f"the other is at {item.at('vip_prefixes', earlier)}; keep the wider one",
                )
                break


def _director_checks(placed: Placed[Cluster], report: Report) -> None:
    """Check each probe by itself, and that OSPF runs with BFD where a BFD session is required."""
    item, checks = placed.item, placed.value.director_checks
    for probe in checks.probes:
        lint_check(placed, ("director_checks", "probes", probe.name), probe.check, report)
    if checks.bfd and placed.value.ospf.bfd is None and placed.sure(("ospf",), "bfd"):
        report.error(
            item.at("director_checks", "bfd"),
            "`bfd: true` asks for a BFD session, but OSPF runs without BFD",
            f"no director would ever be fit: see {item.at('ospf', 'bfd')}",
        )


def _drain_limits(everything: Everything, placed: Placed[Cluster], report: Report) -> None:
    item, cluster, count = placed.item, placed.value, len(everything.director_names)
    if not count or not everything.whole:
        return
    there_are = "there is 1 director" if count == 1 else f"there are {count} directors"
    used = item.has("min_announcers") or everything.maintenance
    if cluster.min_announcers >= count and used and placed.sure((), "min_announcers"):
        report.warning(
            item.at("min_announcers"),
            f"`min_announcers` is {cluster.min_announcers}, but {there_are}: no drain takes a VIP away",
            f"so many others would have to announce it: write at most {count - 1}, or add directors",
        )
    if cluster.max_drained is not None and cluster.max_drained >= count:
        report.warning(
            item.at("max_drained"),
            f"`max_drained` is {cluster.max_drained}, but {there_are}: all may be out at once",
            "write less to keep some in service, or remove it",
        )
