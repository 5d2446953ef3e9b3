"""SNAT pools in their order: the first that matches gets a packet, so none may cover a later one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clusterlb.config.item import Everything, Placed
from clusterlb.config.report import Report
from clusterlb.model.address import IPNetwork
from clusterlb.model.snat import SnatPool


def lint_snat_order(everything: Everything, report: Report) -> None:
    """Check that every pool gets some packets that no single earlier one takes."""
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
        placed.item.source,
        placed.item.place,
        f"SNAT pool `{placed.item.name}` never matches: `{first.item.name}` takes all of its packets",
        f"the first pool that matches counts, at {first.item.key_where()}; write the narrower one before it",
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
