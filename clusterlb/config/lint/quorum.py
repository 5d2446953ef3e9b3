"""The quorum of a pool: its limits `up` and `down` can be reached, and differ."""

from __future__ import annotations

from clusterlb.config.item import Placed
from clusterlb.config.report import Report
from clusterlb.model.inventory import Amount, Pool, QuorumOf


def lint_quorum(placed: Placed[Pool], report: Report) -> None:
    """Check the limits against each other, against the members, and against panic."""
    _gap(placed, report)
    _reach(placed, report)
    _panic(placed, report)


def weights_sure(placed: Placed[Pool]) -> bool:
    """Say whether all members are valid, with the weights that the operator meant."""
    indices = range(len(placed.value.members))
    return placed.complete("members") and all(placed.sure(("members", i), "weight") for i in indices)


def _gap(placed: Placed[Pool], report: Report) -> None:
    up, down = placed.value.quorum.up, placed.value.quorum.down
    if up.percent == down.percent and down.value >= up.value and placed.sure(("quorum",), "up", "down"):
        report.error(
            placed.item.at("quorum", "down"),
            f"quorum `down` is {down}, not below `up`, {up}",
            "a pool that just became fit would be unfit at once: `down` must be at most "
            f"{Amount(up.value - 1, up.percent)}",
        )


def _reach(placed: Placed[Pool], report: Report) -> None:
    item, quorum, members = placed.item, placed.value.quorum, placed.value.members
    if quorum.of is QuorumOf.MEMBERS:
        most, what = len(members), f"the members of pool `{item.name}` are"
    else:
        most, what = sum(member.weight for member in members), f"the weights of pool `{item.name}` come to"
    if quorum.up.percent or quorum.up.value <= most:
        return
    if placed.sure(("quorum",), "up", "of") and weights_sure(placed):
        report.error(
            item.at("quorum", "up"),
            f"quorum `up` is {quorum.up}, but {what} {most}",
            "the pool could never be fit: lower `up` or add members",
        )


def _panic(placed: Placed[Pool], report: Report) -> None:
    """Warn of panic that never acts: the pool is unfit even with the most members UP at which panic acts."""
    pool, down, count = placed.value, placed.value.quorum.down, len(placed.value.members)
    if not pool.panic or pool.quorum.of is not QuorumOf.MEMBERS or not placed.complete("members"):
        return
    most = (pool.panic * count - 1) // 100
    unfit = most * 100 <= down.value * count if down.percent else most <= down.value
    if unfit and placed.sure(("quorum",), "down", "of"):
        report.warning(
            placed.item.at("panic"),
            f"`panic` of {pool.panic}% never acts: with quorum `down` of {down} the pool of {count} is unfit "
            "before",
            f"panic begins with {most} UP or fewer: raise it, or lower quorum `down`",
        )
