"""The pools: members and their checks, steps of weight, and the sorry server."""

from __future__ import annotations

from collections.abc import Iterator

from clusterlb.config.item import Everything, Item, Placed
from clusterlb.config.lint.checks import lint_check, lint_one_key, weight_key, where
from clusterlb.config.lint.quorum import lint_quorum, weights_sure
from clusterlb.config.nodes import Path
from clusterlb.config.report import Report
from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.check import CheckSpec, Via
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Member, Pool


def lint_pools(everything: Everything, report: Report) -> None:
    """Check each pool by itself, and warn of unused pools."""
    for placed in everything.pools.values():
        _members(placed, report)
        lint_quorum(placed, report)
        _checks(placed, report)
        _steps(placed, report)
        _sorry(placed, report)
        if everything.whole and placed.item.name not in everything.used:
            report.warning(
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
                item.at("members", index, "address"),
                f"duplicate member {member.endpoint} in pool `{item.name}`",
                f"first written at {item.at('members', first, 'address')}; "
                "raise its `weight` to give it more",
            )
        _limits(placed, index, member, report)
        _loopback(item, ("members", index), member.address, report)
    if placed.complete("members") and not any(member.weight for member in members):
        report.warning(
            item.key_at("members"),
            f"no member of pool `{item.name}` has a weight above 0",
            "IPVS sends such members no new connections: the pool serves nobody",
        )


def _loopback(item: Item, path: Path, address: IPAddress, report: Report) -> None:
    """Warn of a loopback address, which on each director is the director itself."""
    if address.is_loopback:
        report.warning(
            item.at(*path, "address"),
            f"{address} is each director's own address: every director would serve by itself",
            "write the address of the real server",
        )


def _limits(placed: Placed[Pool], index: int, member: Member, report: Report) -> None:
    """Check a member's thresholds (ip_vs_add_dest() in ip_vs_ctl.c) and its tunnel."""
    item, path = placed.item, ("members", index)
    if member.lower > member.upper and placed.sure(path, "upper_threshold"):
        report.error(
            item.at(*path, "lower_threshold"),
            f"`lower_threshold` is {member.lower}, above `upper_threshold`, {member.upper}",
            "the kernel refuses that: a full member gets connections again when it has fewer than the lower",
        )
    if member.tunnel and member.forwarding not in (None, Forwarding.TUN):
        report.warning(
            item.key_at(*path, "tunnel"),
            f"`tunnel` does nothing with `forwarding: {member.forwarding.value}`",
            "write `forwarding: tun`, or remove it",
        )


def _holders(pool: Pool) -> Iterator[tuple[Path, tuple[CheckSpec, ...]]]:
    """Yield the path and the checks of a pool, and of each member with its own checks."""
    yield (), pool.checks
    for index, member in enumerate(pool.members):
        if member.checks is not None:
            yield ("members", index), member.checks


def _checks(placed: Placed[Pool], report: Report) -> None:
    item, pool = placed.item, placed.value
    for holder, checks in _holders(pool):
        lint_one_key(item, holder, report)
        for path, check in where(item, holder, checks):
            lint_check(placed, path, check, report)
            if check.address and check.via is Via.MEMBER and not holder and len(pool.members) > 1:
                report.warning(
                    item.at(*path, "address"),
                    f"all members of pool `{item.name}` are checked at {check.address}, and go down together",
                    "write the check at each member, with its own `address`",
                )
    followers = any(member.checks is None for member in pool.members)
    if not pool.checks and followers and placed.sure((), "check", "checks"):
        report.warning(
            item.key_at("checks" if item.has("checks") else "check"),
            f"pool `{item.name}` has no check: its members always count as UP",
            "add `check: {type: tcp, interval: 2s, timeout: 1s}`",
        )


def gradual(placed: Placed[Pool]) -> Iterator[Path]:
    """Yield the keys of a pool that have a weight change in steps."""
    item, pool = placed.item, placed.value
    if pool.slow_start:
        yield ("slow_start",)
    for holder, checks in _holders(pool):
        for path, check in where(item, holder, checks):
            if key := weight_key(check):
                yield (*path, key)


def _steps(placed: Placed[Pool], report: Report) -> None:
    """Warn of gradual changes of weights that are at most 1, which have no steps between all and none."""
    item, pool = placed.item, placed.value
    if any(member.weight > 1 for member in pool.members) or not weights_sure(placed):
        return
    for path in gradual(placed):
        report.warning(
            item.key_at(*path),
            f"`{path[-1]}` has no steps to take: no weight in pool `{item.name}` is above 1",
            "give every member a weight such as 4: a share of it is rounded to a whole number",
        )


def _sorry(placed: Placed[Pool], report: Report) -> None:
    item, sorry = placed.item, placed.value.sorry
    if sorry is None:
        return
    _loopback(item, ("sorry",), sorry.address, report)
    for index, member in enumerate(placed.value.members):
        if member.endpoint == (sorry.address, sorry.port):
            report.error(
                item.at("sorry", "address"),
                f"sorry server {member.endpoint} is also a member of pool `{item.name}`",
                f"see {item.at('members', index, 'address')}; it is for when no member can be used",
            )
