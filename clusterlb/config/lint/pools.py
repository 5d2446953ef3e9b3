"""The pools: members, quorum and check."""

from __future__ import annotations

from clusterlb.config.fields import duration_text
from clusterlb.config.item import Everything, Placed
from clusterlb.config.report import Report
from clusterlb.model.inventory import Endpoint, Pool


def lint_pools(everything: Everything, report: Report) -> None:
    """Check each pool by itself, and that it is used."""
    for placed in everything.pools.values():
        _members(placed, report)
        _quorum(placed, report)
        _check(placed, report)
        if everything.whole and placed.item.name not in everything.used:
            report.warning(
                placed.item.source,
                placed.item.place,
                f"pool `{placed.item.name}` is used by no service",
                "name it as the `pool` of a service, or remove it",
            )


def _members(placed: Placed[Pool], report: Report) -> None:
    item, members = placed.item, placed.value.members
    seen: dict[Endpoint, int] = {}
    for index, member in enumerate(members):
        first = seen.setdefault(member.endpoint, index)
        if first != index:
            report.error(
                item.source,
                item.at("members", index, "address"),
                f"duplicate member {member.endpoint} in pool `{item.name}`",
                f"first written at {item.where('members', first, 'address')}; "
                "raise its `weight` to give it more",
            )
    if placed.complete("members") and not any(member.weight for member in members):
        report.warning(
            item.source,
            item.key_at("members"),
            f"no member of pool `{item.name}` has a weight above 0",
            "IPVS sends such members no new connections: the pool serves nobody",
        )


def _quorum(placed: Placed[Pool], report: Report) -> None:
    item, quorum, count = placed.item, placed.value.quorum, len(placed.value.members)
    if quorum.down >= quorum.up and placed.sure(("quorum",), "up", "down"):
        report.error(
            item.source,
            item.at("quorum", "down"),
            f"quorum `down` is {quorum.down}, not below `up`, {quorum.up}",
            f"a pool that just became fit would be unfit at once: `down` must be at most {quorum.up - 1}",
        )
    if quorum.up > count and placed.complete("members") and placed.sure(("quorum",), "up"):
        report.error(
            item.source,
            item.at("quorum", "up"),
            f"quorum `up` is {quorum.up}, but the members of pool `{item.name}` are {count}",
            "the pool could never be fit: lower `up` or add members",
        )


def _check(placed: Placed[Pool], report: Report) -> None:
    item, check = placed.item, placed.value.check
    if check is None:
        if placed.sure((), "check"):
            report.warning(
                item.source,
                item.key_at("check"),
                f"pool `{item.name}` has no check: its members always count as UP",
                "add `check: {type: tcp, interval: 2s, timeout: 1s}`",
            )
    elif check.timeout > check.interval and placed.sure(("check",), "interval", "timeout"):
        report.warning(
            item.source,
            item.at("check", "timeout"),
            f"check `timeout` is {duration_text(check.timeout)}, longer than `interval`, "
            f"{duration_text(check.interval)}",
            "a check that hangs delays the next: failures are noticed later than `interval` and `fall` say",
        )
