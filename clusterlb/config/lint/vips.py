"""The VIPs' addresses, and the services of one VIP among themselves."""

from __future__ import annotations

from clusterlb.config.fields import parse_service, service_text
from clusterlb.config.item import Everything, Item, Placed
from clusterlb.config.nodes import Sequence, find, plain
from clusterlb.config.report import Report
from clusterlb.config.wording import one_of
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Vip


def lint_vips(everything: Everything, report: Report) -> None:
    """Check that every VIP may be announced, is nobody else's address, and what is said of its services."""
    taken = _addresses(everything)
    for address, placed in everything.vips.items():
        item = placed.item
        _prefix(everything, item, address, report)
        if address in taken:
            what, where = taken[address]
            report.error(
                item.source,
                item.place,
                f"VIP {address} is also {what}",
                f"see {where}; a director would take packets for that host as its own",
            )
        _services(placed, report)
        _listed(placed, report)


def _addresses(everything: Everything) -> dict[IPAddress, tuple[str, str]]:
    """Return the addresses that are VIPs and something else as well: what, and where that is written."""
    taken: dict[IPAddress, tuple[str, str]] = {}
    for director in everything.directors.values():
        address = director.value.router_id
        if address in everything.vips and director.item.written("router_id"):
            taken[address] = (
                f"the router id of director `{director.item.name}`",
                director.item.where("router_id"),
            )
    for pool in everything.pools.values():
        for index, member in enumerate(pool.value.members):
            if member.address in everything.vips and member.address not in taken:
                where = pool.item.where("members", index, "address")
                taken[member.address] = (f"a member of pool `{pool.item.name}`", where)
        sorry = pool.value.sorry
        if sorry and sorry.address in everything.vips and sorry.address not in taken:
            where = pool.item.where("sorry", "address")
            taken[sorry.address] = (f"the sorry server of pool `{pool.item.name}`", where)
    return taken


def _prefix(everything: Everything, item: Item, address: IPAddress, report: Report) -> None:
    cluster = everything.cluster
    if cluster is None or not cluster.complete("vip_prefixes"):
        return
    prefixes = cluster.value.vip_prefixes
    if not any(address.version == prefix.version and address in prefix for prefix in prefixes):
        report.error(
            item.source,
            item.place,
            f"VIP {address} is outside `vip_prefixes`: {', '.join(map(str, prefixes[:5]))}"
            f"{', ...' if len(prefixes) > 5 else ''}",
            f"correct the address, or add its prefix at {cluster.item.where('vip_prefixes')}",
        )


def _services(placed: Placed[Vip], report: Report) -> None:
    item = placed.item
    seen: dict[tuple[int, int], int] = {}
    for index, service in enumerate(placed.value.services):
        first = seen.setdefault((service.protocol, service.port), index)
        if first != index:
            report.error(
                item.source,
                item.at("services", index, "port"),
                f"duplicate service {service.protocol.name.lower()} {service.port} of VIP {item.name}",
                f"first written at {item.where('services', first, 'port')}; a service has one pool",
            )


def _listed(placed: Placed[Vip], report: Report) -> None:
    """Check the services that ``announce_when`` lists, in the order of the file."""
    item = placed.item
    node = find(item.node, ("announce_when",))
    listed = plain(node) if isinstance(node, Sequence) else []
    known = {(service.protocol, service.port): None for service in placed.value.services}
    for index, text in enumerate(listed):
        place = item.at("announce_when", index)
        if text in listed[:index]:
            report.error(item.source, place, f"duplicate service `{text}`", "remove one of them")
        elif parse_service(text) not in known and placed.complete("services"):
            report.error(
                item.source,
                place,
                f"VIP {item.name} has no service `{text}`",
                one_of(text, map(service_text, known)),
            )
