"""Sets and maps of every kind that our table has, with whatever elements they may hold."""

from __future__ import annotations

from hypothesis import strategies as st

from clusterlb.drivers.nft.fields import BITS, canonical, span, spelled
from clusterlb.model.rules import Element, NamedSet

KINDS = {
    "addresses4": ("ipv4_addr", "", False),
    "addresses6": ("ipv6_addr", "", False),
    "networks4": ("ipv4_addr", "", True),
    "networks6": ("ipv6_addr", "mark", True),
    "ports": ("inet_service", "ipv4_addr", True),
    "protocols": ("inet_proto", "ipv6_addr", False),
    "endpoints": ("ipv4_addr . inet_proto . inet_service", "mark", False),
    "ranges4": ("ipv4_addr . inet_proto . inet_service", "mark", True),
    "ranges6": ("ipv6_addr . inet_proto . inet_service", "", True),
    "ways": ("mark", "ipv4_addr . inet_service", False),
    "marks": ("mark", "verdict", True),
}


def numbers(kind: str) -> st.SearchStrategy[int]:
    bits = BITS[kind]
    return st.one_of(st.integers(0, 9), st.integers(0, 2**bits - 1), st.just(2**bits - 1))


@st.composite
def fields(draw, kind: str, interval: bool) -> str:
    """A single value, a prefix or a range, as nft prints it."""
    if kind == "verdict":
        return draw(st.sampled_from(["accept", "drop", "return"]))
    first = draw(numbers(kind))
    how = draw(st.sampled_from(["one", "prefix", "range"])) if interval else "one"
    if how == "prefix" and kind.endswith("_addr"):
        length = draw(st.integers(0, BITS[kind]))
        size = 1 << BITS[kind] - length
        return canonical(kind, f"{spelled(kind, first - first % size)}/{length}")
    if how == "range":
        return between(kind, *sorted((first, draw(numbers(kind)))))
    return spelled(kind, first)


def between(kind: str, first: int, last: int) -> str:
    ends = (str(one) if kind == "inet_proto" else spelled(kind, one) for one in (first, last))
    return canonical(kind, "-".join(ends))


@st.composite
def elements(draw, kind: str, value: str, interval: bool) -> dict[Element, str]:
    """Keys that do not overlap, with their values."""
    kinds = kind.split(" . ")
    found: dict[Element, str] = {}
    for key in draw(st.lists(st.tuples(*(fields(each, interval) for each in kinds)), max_size=8)):
        # nft 1.0.6 does not delete a type's last value, alone, from a map of intervals, and says nothing
        lost = interval and value and len(kinds) == 1 and key == (spelled(kind, 2 ** BITS[kind] - 1),)
        if not lost and not any(overlap(kinds, key, other) for other in found):
            found[key] = " . ".join(draw(fields(each, False)) for each in value.split(" . ")) if value else ""
    return found


def overlap(kinds: list[str], one: Element, other: Element) -> bool:
    return all(
        max(span(kind, left)[0], span(kind, right)[0]) <= min(span(kind, left)[1], span(kind, right)[1])
        for kind, left, right in zip(kinds, one, other, strict=True)
    )


def named_sets() -> st.SearchStrategy[dict[str, NamedSet]]:
    """Some of KINDS, by their names."""
    each = {name: st.builds(NamedSet, *map(st.just, kind), elements(*kind)) for name, kind in KINDS.items()}
    return st.fixed_dictionaries({}, optional=each)
