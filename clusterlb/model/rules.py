"""What our nftables table holds: chains, which seldom change, and the sets and maps that they look into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Element = tuple[str, ...]
"""One key of a set or map: a text for each field of its type, as nft prints them.

For example ``("10.0.0.1", "tcp", "80")``, ``("8000-8010",)``, ``("10.0.0.0/24",)``.
"""


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A named set or map. ``type`` is nft's, such as ``ipv4_addr . inet_proto . inet_service``.

    ``value``: nft's type of a map's values, empty for a set. ``elements``: each key with its value, an empty
    text in a set. ``interval``: keys may be ranges or prefixes.
    """

    type: str
    value: str = ""
    interval: bool = False
    elements: Mapping[Element, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """Table ``inet clusterlb``. ``chains``: nft's text of all chains and of dynamic sets; empty: no table.

    ``chains`` of what was read is the text that was loaded last when nobody has changed what became of it,
    another text otherwise.
    """

    chains: str = ""
    sets: Mapping[str, NamedSet] = field(default_factory=dict)


NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class SetChange:
    """Elements that a named set gains and loses; a map's key that gets another value is in both."""

    name: str
    add: Mapping[Element, str] = field(default_factory=dict)
    remove: tuple[Element, ...] = ()
