"""The addresses that clusterlb uses and announces: each belongs to one use and one host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clusterlb.config.item import Everything, Item
from clusterlb.config.nodes import Path
from clusterlb.config.report import Report
from clusterlb.model.address import IPAddress


class _Claim(NamedTuple):
    """An address of ours: what it is, and the path where it is written; None where it is an item's key."""

    address: IPAddress
    kind: str
    of: str
    item: Item
    path: Path | None

    @property
    def what(self) -> str:
        return f"{self.kind} {self.address}"

    @property
    def where(self) -> str:
        return self.item.key_where() if self.path is None else self.item.where(*self.path)


class _Other(NamedTuple):
    """An address of a host."""

    address: IPAddress
    what: str
    item: Item
    path: Path


def lint_addresses(everything: Everything, report: Report) -> None:
    """Check that no VIP, local address or SNAT address is another one, or that of a host."""
    claims: dict[IPAddress, _Claim] = {}
    for claim in _claims(everything):
        first = claims.setdefault(claim.address, claim)
        if first is not claim:
            _twice(first, claim, report)
    reported = set()
    for other in _hosts(everything):
        if other.address in claims and other.address not in reported:
            reported.add(other.address)
            _host(claims[other.address], other, report)


def outside(everything: Everything, item: Item, path: Path | None, what: str, report: Report) -> None:
    """Report that an address is in none of the prefixes that may be announced."""
    cluster = everything.cluster
    assert cluster is not None  # noqa: S101 - the caller looked into its prefixes
    prefixes = cluster.value.vip_prefixes
    report.error(
        item.source,
        item.place if path is None else item.at(*path),
        f"{what} is outside `vip_prefixes`: {', '.join(map(str, prefixes[:5]))}"
        f"{', ...' if len(prefixes) > 5 else ''}",
        f"correct the address, or add its prefix at {cluster.item.where('vip_prefixes')}",
    )


def is_outside(everything: Everything, address: IPAddress) -> bool:
    """Say whether an address is surely in none of the prefixes that may be announced."""
    cluster = everything.cluster
    if cluster is None or not cluster.complete("vip_prefixes"):
        return False
    prefixes = cluster.value.vip_prefixes
    return not any(address.version == prefix.version and address in prefix for prefix in prefixes)


def _claims(everything: Everything) -> Iterator[_Claim]:
    for address, vip in everything.vips.items():
        yield _Claim(address, "VIP", "", vip.item, None)
    for vip in everything.vips.values():
        for index, address in enumerate(vip.value.group[1:]):
            yield _Claim(address, "VIP", f" of group {vip.item.name}", vip.item, ("group", index))
    for name, director in everything.directors.items():
        for index, address in enumerate(director.value.local_addresses):
            of = f" of director `{name}`"
            yield _Claim(address, "local address", of, director.item, ("local_addresses", index))
    for pool in everything.snat_pools.values():
        for name, addresses in pool.value.addresses.items():
            for index, address in enumerate(addresses):
                of = f" of director `{name}` in SNAT pool `{pool.item.name}`"
                yield _Claim(address, "SNAT address", of, pool.item, ("addresses", name, index))


def _hosts(everything: Everything) -> Iterator[_Other]:
    for name, director in everything.directors.items():
        if director.item.written("router_id"):
            yield _Other(
                director.value.router_id, f"the router id of director `{name}`", director.item, ("router_id",)
            )
        for index, address in enumerate(director.value.inside):
            yield _Other(
                address, f"the address `inside` of director `{name}`", director.item, ("inside", index)
            )
    for pool in everything.pools.values():
        what = f"a member of pool `{pool.item.name}`"
        for index, member in enumerate(pool.value.members):
            yield _Other(member.address, what, pool.item, ("members", index, "address"))
        if pool.value.sorry:
            what = f"the sorry server of pool `{pool.item.name}`"
            yield _Other(pool.value.sorry.address, what, pool.item, ("sorry", "address"))


def _twice(first: _Claim, claim: _Claim, report: Report) -> None:
    assert claim.path is not None  # noqa: S101 - the keys come first, and no two are the same address
    report.error(
        claim.item.source,
        claim.item.at(*claim.path),
        f"duplicate {claim.what}"
        if first.of == claim.of
        else f"{claim.what} is also {_article(first)}{first.of}",
        f"first written at {first.where}; "
        + (
            "a VIP is served once"
            if claim.kind == "VIP"
            else "a reply must find the one director that has the flow"
        ),
    )


def _article(claim: _Claim) -> str:
    return {"VIP": "a VIP", "local address": "a local address", "SNAT address": "a SNAT address"}[claim.kind]


def _host(claim: _Claim, other: _Other, report: Report) -> None:
    where = other.item.where(*other.path)
    own = other.path[0] in ("router_id", "inside") and claim.kind != "VIP"
    report.error(
        claim.item.source,
        claim.item.place if claim.path is None else claim.item.at(*claim.path),
        f"{claim.what} is also {other.what}",
        f"see {where}; what comes there without a flow is dropped, the director's own traffic, too"
        if own
        else f"see {where}; a director would take packets for that host as its own",
    )
