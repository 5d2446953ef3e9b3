"""The directors: names, router ids, uplinks, and their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import Any

from clusterlb.config.hints import clip
from clusterlb.config.item import Everything, Item, Placed
from clusterlb.config.nodes import Path
from clusterlb.config.report import Report
from clusterlb.config.wording import nearest_name
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Director


def lint_directors(everything: Everything, report: Report) -> None:
    """Report duplicate router ids, uplinks and addresses, and more directors than the switch can use."""
    seen: dict[IPv4Address, Item] = {}
    inside: dict[IPAddress, Item] = {}
    for placed in everything.directors.values():
        item, director = placed.item, placed.value
        first = seen.setdefault(director.router_id, item) if item.has("router_id") else item
        if first is not item:
            report.error(
                item.at("router_id"),
                f"duplicate router id {director.router_id}: director `{first.name}` has it, too",
                f"first written at {first.at('router_id')}; two routers with one id break OSPF for both",
            )
        for index, name in enumerate(director.interfaces):
            if name in director.interfaces[:index]:
                report.error(
                    item.at("uplinks", index),
                    f"duplicate uplink `{name}`",
                    "remove one of them",
                )
        _inside(placed, inside, report)
    _peer_addresses(everything, report)
    _width(everything, report)


def _peer_addresses(everything: Everything, report: Report) -> None:
    """Report directors that the others' controllers cannot reach, and two that have one address for that."""
    cluster = everything.cluster
    if cluster is None or cluster.value.peers is None:
        return
    seen: dict[IPAddress, Item] = {}
    for placed in everything.directors.values():
        item, address = placed.item, placed.value.speaks_at
        if address is None:
            if placed.sure((), "inside", "peer_address"):
                report.error(
                    item.place,
                    f"director `{item.name}` has no address for the other directors' controllers",
                    "write `peer_address`, or `inside`: `cluster.peers` needs one of them",
                )
        elif seen.setdefault(address, item) is not item and item.has("peer_address"):
            report.error(
                item.at("peer_address"),
                f"duplicate `peer_address` {address}: director `{seen[address].name}` has it, too",
                f"first written at {seen[address].place}; each director has its own",
            )


def _inside(placed: Placed[Director], seen: dict[IPAddress, Item], report: Report) -> None:
    """Report a second ``inside`` address of a family, and one that another director has too."""
    item, addresses = placed.item, placed.value.inside
    for index, address in enumerate(addresses):
        if any(address.version == other.version for other in addresses[:index]):
            report.error(
                item.at("inside", index),
                f"second IPv{address.version} address `inside` of `{item.name}`",
                "the real servers have one gateway a family: keep one of them",
            )
        elif seen.setdefault(address, item) is not item:
            report.error(
                item.at("inside", index),
                f"duplicate address `inside` {address}: director `{seen[address].name}` has it, too",
                f"first written at {seen[address].at('inside')}; each director has its own",
            )


def _width(everything: Everything, report: Report) -> None:
    cluster = everything.cluster
    if cluster is None or not cluster.sure((), "max_active"):
        return
    width = cluster.value.max_active
    items = [placed.item for placed in everything.directors.values()]
    if len(items) > width:
        report.warning(
            items[width].place,
            f"{len(items)} directors, but the switch spreads flows over {width} (`max_active`)",
            f"raise `max_active` at {cluster.item.at('max_active')} if the switch's ECMP width allows it; "
            "which directors get no traffic is the switch's choice",
        )


def lint_director_names(
    everything: Everything, placed: Placed[Any], path: Path, names: tuple[str, ...], report: Report
) -> None:
    """Report names in the list at a path that occur twice, and names that no director has."""
    item, known = placed.item, everything.director_names
    for index, name in enumerate(names):
        if name in names[:index]:
            text = f"duplicate director `{clip(name)}`"
            report.error(item.at(*path, index), text, "remove one of them")
        elif everything.whole and known and name not in known:
            report.error(
                item.at(*path, index),
                f"director `{clip(name)}` does not exist",
                nearest_name(name, known) or "name one that is under `directors`, or add it there",
            )


def directors_without(
    everything: Everything, key: str, addresses: Callable[[Director], Sequence[IPAddress]], version: int
) -> list[Placed[Director]]:
    """Return the directors without an IPv4 or IPv6 address under a key whose values are all valid."""
    return [
        placed
        for placed in everything.directors.values()
        if all(address.version != version for address in addresses(placed.value))
        and placed.sure((), key)
        and (not placed.item.has(key) or placed.complete(key))
    ]
