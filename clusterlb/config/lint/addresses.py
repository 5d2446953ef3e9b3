"""The addresses that clusterlb uses and announces: each has one use and belongs to one host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clusterlb.config.item import Everything, Item
from clusterlb.config.nodes import Path
from clusterlb.config.report import Report
from clusterlb.config.source import Position
from clusterlb.model.address import IPAddress


class _Claim(NamedTuple):
    """An address of clusterlb's own: its kind, what it belongs to, and the place where it is written."""

    address: IPAddress
    kind: str
    of: str
    place: Position

    @property
    def what(self) -> str:
        return f"{self.kind} {self.address}"


class _Host(NamedTuple):
    """An address of a host, and the path of the item where it is written."""

    address: IPAddress
    what: str
    item: Item
    path: Path


def lint_addresses(everything: Everything, report: Report) -> None:
    """Report a VIP, local address or SNAT address that has a second use, or that is a host's address."""
    claims: dict[IPAddress, _Claim] = {}
    for claim in _claims(everything):
        first = claims.setdefault(claim.address, claim)
        if first is not claim:
            _duplicate(first, claim, report)
    reported = set()
    for host in _hosts(everything):
        if host.address in claims and host.address not in reported:
            reported.add(host.address)
            _address_of_host(claims[host.address], host, report)


def lint_prefix(
    everything: Everything, what: str, address: IPAddress, place: Position, report: Report
) -> None:
    """Report an address that is in none of the prefixes that may be announced."""
    cluster = everything.cluster
    if cluster is None or not cluster.complete("vip_prefixes"):
        return
    prefixes = cluster.value.vip_prefixes
    if not any(address.version == prefix.version and address in prefix for prefix in prefixes):
        report.error(
            place,
            f"{what} {address} is outside `vip_prefixes`: {', '.join(map(str, prefixes[:5]))}"
            f"{', ...' if len(prefixes) > 5 else ''}",
            f"correct the address, or add its prefix at {cluster.item.at('vip_prefixes')}",
        )


def _claims(everything: Everything) -> Iterator[_Claim]:
    for address, vip in everything.vips.items():
        yield _Claim(address, "VIP", "", vip.item.place)
    for vip in everything.vips.values():
        for index, address in enumerate(vip.value.group[1:]):
            yield _Claim(address, "VIP", f" of group {vip.item.name}", vip.item.at("group", index))
    for name, director in everything.directors.items():
        for index, address in enumerate(director.value.local_addresses):
            of = f" of director `{name}`"
            yield _Claim(address, "local address", of, director.item.at("local_addresses", index))
    for pool in everything.snat_pools.values():
        for name, addresses in pool.value.addresses.items():
            for index, address in enumerate(addresses):
                of = f" of director `{name}` in SNAT pool `{pool.item.name}`"
                yield _Claim(address, "SNAT address", of, pool.item.at("addresses", name, index))


def _hosts(everything: Everything) -> Iterator[_Host]:
    for name, director in everything.directors.items():
        item = director.item
        if item.has("router_id"):
            what = f"the router id of director `{name}`"
            yield _Host(director.value.router_id, what, item, ("router_id",))
        for index, address in enumerate(director.value.inside):
            yield _Host(address, f"the address `inside` of director `{name}`", item, ("inside", index))
    for pool in everything.pools.values():
        what = f"a member of pool `{pool.item.name}`"
        for index, member in enumerate(pool.value.members):
            yield _Host(member.address, what, pool.item, ("members", index, "address"))
        if pool.value.sorry:
            what = f"the sorry server of pool `{pool.item.name}`"
            yield _Host(pool.value.sorry.address, what, pool.item, ("sorry", "address"))


def _duplicate(first: _Claim, claim: _Claim, report: Report) -> None:
    report.error(
        claim.place,
        f"duplicate {claim.what}"
        if first.of == claim.of
        else f"{claim.what} is also a {first.kind}{first.of}",
        f"first written at {first.place}; "
        + (
            "a VIP is served once"
            if claim.kind == "VIP"
            else "a reply must find the one director that has the flow"
        ),
    )


def _address_of_host(claim: _Claim, host: _Host, report: Report) -> None:
    place = host.item.at(*host.path)
    directors = host.path[0] in ("router_id", "inside") and claim.kind != "VIP"
    report.error(
        claim.place,
        f"{claim.what} is also {host.what}",
        f"see {place}; packets without a flow to this address are dropped, the director's own traffic too"
        if directors
        else f"see {place}; a director would take packets for that host as its own",
    )
