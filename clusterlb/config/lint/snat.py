"""SNAT pools: addresses, traffic, and the path of replies to the director that has the flow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from clusterlb.config.hints import clip
from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.addresses import lint_prefix
from clusterlb.config.lint.directors import directors_without
from clusterlb.config.report import Report
from clusterlb.config.wording import nearest_name
from clusterlb.model.address import AddressFamily, IPAddress, IPNetwork, family_of
from clusterlb.model.ospf import AreaType
from clusterlb.model.snat import SnatPool


def lint_snat(everything: Everything, report: Report) -> None:
    """Check each pool's directors, addresses and families, and what the cluster needs for all of them."""
    for placed in everything.snat_pools.values():
        _directors(everything, placed, report)
        _prefixes(everything, placed, report)
        _families(placed, report)
        _shares(everything, placed, report)
    for family in AddressFamily:
        first = next((p for p in everything.snat_pools.values() if _sources(p.value, family)), None)
        if first is not None:
            _inside(everything, first, family, report)
    _shadowed(everything, report)
    _stub(everything, report)
    _default(everything, report)


def _sources(pool: SnatPool, family: AddressFamily) -> bool:
    return any(source.version == _version(family) for source in pool.sources)


def _version(family: AddressFamily) -> int:
    return 4 if family is AddressFamily.IPV4 else 6


def _directors(everything: Everything, placed: Placed[SnatPool], report: Report) -> None:
    item, known = placed.item, everything.director_names
    for name in placed.value.addresses:
        if everything.whole and known and name not in known:
            report.error(
                item.key_at("addresses", name),
                f"director `{clip(name)}` does not exist",
                nearest_name(name, known) or "name one that is under `directors`",
            )


def _prefixes(everything: Everything, placed: Placed[SnatPool], report: Report) -> None:
    for name, addresses in placed.value.addresses.items():
        for index, address in enumerate(addresses):
            place = placed.item.at("addresses", name, index)
            lint_prefix(everything, "SNAT address", address, place, report)


def _families(placed: Placed[SnatPool], report: Report) -> None:
    """Report one difference between the families of sources, destinations and addresses."""
    item, pool = placed.item, placed.value
    sources = {source.version for source in pool.sources}
    targets = {target.version for target in pool.destinations} or sources
    addresses = {address.version for own in pool.addresses.values() for address in own}
    if not placed.complete("sources"):
        return
    if sources != addresses and _complete(placed):
        key, present, lacking = (
            ("addresses", "sources", "address") if sources - addresses else ("sources", "addresses", "source")
        )
        version = max(sources - addresses or addresses - sources)
        report.error(
            item.key_at(key),
            f"SNAT pool `{item.name}` has IPv{version} {present}, but no IPv{version} {lacking}",
            f"add some, or remove the {present} at {item.at(present)}",
        )
    elif sources != targets and placed.complete("destinations"):
        version = max(sources ^ targets)
        report.error(
            item.key_at("destinations"),
            f"no IPv{version} packet matches SNAT pool `{item.name}`: it has no IPv{version} "
            f"{'destination' if version in sources else 'source'}",
            "add one, or make a pool for each family",
        )


def _complete(placed: Placed[SnatPool]) -> bool:
    """Say whether all addresses of a pool are valid."""
    names = placed.value.addresses
    return (
        bool(names)
        and placed.sure((), "addresses")
        and all(placed.complete("addresses", name) for name in names)
    )


def _shares(everything: Everything, placed: Placed[SnatPool], report: Report) -> None:
    """Warn of directors without an address in a pool."""
    item, pool = placed.item, placed.value
    for family in AddressFamily:
        owners = {name for name, own in pool.addresses.items() if _has(own, family)}
        lacking = [name for name in everything.directors if name not in owners]
        if owners and lacking and _sources(pool, family) and _complete(placed):
            report.warning(
                item.key_at("addresses"),
                f"director `{lacking[0]}` has no IPv{_version(family)} address in SNAT pool `{item.name}`"
                f"{f', nor have {len(lacking) - 1} others' if len(lacking) > 1 else ''}",
                "it hands all of this traffic to the others; give it an address to carry its share",
            )


def _has(addresses: Iterable[IPAddress], family: AddressFamily) -> bool:
    return any(family_of(address) is family for address in addresses)


def _inside(everything: Everything, placed: Placed[SnatPool], family: AddressFamily, report: Report) -> None:
    if len(everything.director_names) < 2:
        return
    for director in directors_without(everything, "inside", lambda found: found.inside, _version(family)):
        report.error(
            director.item.key_at("inside"),
            f"director `{director.item.name}` needs an IPv{_version(family)} address `inside` for SNAT pool "
            f"`{placed.item.name}`",
            "directors hand each other the flows there that are not their own: its address on the link "
            f"shared with the real servers; the pool is at {placed.item.place}",
        )


def _stub(everything: Everything, report: Report) -> None:
    cluster = everything.cluster
    if cluster is None or not cluster.sure(("ospf",), "area_type", "default_originate"):
        return
    item, ospf = cluster.item, cluster.value.ospf
    if ospf.area_type is AreaType.STUB and ospf.default_originate:
        report.error(
            item.at("ospf", "default_originate"),
            "`default_originate` in a stub area, which carries no external routes: nobody would hear of it",
            f"use `area_type: normal` here and on the area's routers; see {item.at('ospf', 'area_type')}",
        )


def _default(everything: Everything, report: Report) -> None:
    cluster = everything.cluster
    if cluster is None or everything.snat_pools or not everything.whole or report.errors:
        return
    if cluster.value.ospf.default_originate:
        report.warning(
            cluster.item.at("ospf", "default_originate"),
            "`default_originate` without `snat_pools`: outbound traffic comes here and is not translated",
            "add a SNAT pool for the real servers' networks, or remove it",
        )


def _shadowed(everything: Everything, report: Report) -> None:
    """Report a pool that never matches because one earlier pool matches all of its packets."""
    by_source: dict[IPNetwork, list[Placed[SnatPool]]] = {}
    for placed in everything.snat_pools.values():
        if not placed.value.sources:
            continue
        near = _around(placed.value.sources[0])
        candidates = (earlier for network in near for earlier in by_source.get(network, ()))
        first = next((earlier for earlier in candidates if _covers(earlier.value, placed.value)), None)
        if first is None:
            for source in dict.fromkeys(placed.value.sources):
                by_source.setdefault(source, []).append(placed)
        elif placed.complete("sources") and placed.sure((), "fwmark", "destinations"):
            _never(first, placed, report)


def _never(first: Placed[SnatPool], placed: Placed[SnatPool], report: Report) -> None:
    report.error(
        placed.item.place,
        f"SNAT pool `{placed.item.name}` never matches: `{first.item.name}` takes all of its packets",
        f"the first pool that matches counts, at {first.item.place}; write the narrower one before it",
    )


def _covers(first: SnatPool, second: SnatPool) -> bool:
    """Say whether every packet of the second pool is one of the first."""
    return (
        first.fwmark in (0, second.fwmark)
        and _within(second.sources, first.sources)
        and (
            not first.destinations
            or (bool(second.destinations) and _within(second.destinations, first.destinations))
        )
    )


def _within(inner: Sequence[IPNetwork], outer: Sequence[IPNetwork]) -> bool:
    wide = set(outer)
    return all(any(network in wide for network in _around(one)) for one in inner)


def _around(network: IPNetwork) -> Iterator[IPNetwork]:
    """Yield a network and all that contain it."""
    yield network
    while network.prefixlen:
        network = network.supernet()
        yield network
