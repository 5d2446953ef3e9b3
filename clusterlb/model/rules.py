"""What our nftables table holds: chains, which seldom change, and the sets and maps that they look into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

ALTERED = "altered"
"""The digest of a table that is not, or no longer, what was loaded."""

Element = tuple[str, ...]
"""One key of a set or map: a text for each field of its type, as nft prints them.

For example ``("10.0.0.1", "tcp", "80")``, ``("8000-8010",)``, ``("10.0.0.0/24",)``, ``("0x44000001",)``: an
address without a prefix length where it is one alone, a mark with eight digits.
"""


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A named set or map. ``type`` is nft's, such as ``ipv4_addr . inet_proto . inet_service``.

    ``value``: nft's type of a map's values, empty for a set. ``elements``: each key with its value, an empty
    text in a set. ``interval``: keys may be ranges or prefixes; they must not overlap. A type may be given as
    ``typeof`` and an expression, its value then without that word.
    """

    type: str
    value: str = ""
    interval: bool = False
    elements: Mapping[Element, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetChange:
    """Elements that a named set gains and loses; a map's key that gets another value is in both."""

    name: str
    add: Mapping[Element, str] = field(default_factory=dict)
    remove: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Table ``inet clusterlb``. ``chains``: nft's text of all chains and of dynamic sets; empty: no table.

    ``digest`` names the chains and the types of the sets, empty without a table. The kernel gives no text
    back, so rules are equal when their digests and their elements are. What was read has no ``chains``; its
    digest is that of the rules loaded last, or ALTERED when somebody has changed what became of them.
    """

    chains: str = ""
    sets: Mapping[str, NamedSet] = field(default_factory=dict)
    digest: str = ""

    def __post_init__(self) -> None:
        if self.chains:
            kinds = sorted((name, each.type, each.value, each.interval) for name, each in self.sets.items())
            digest = sha256(repr((self.chains, kinds)).encode()).hexdigest()[:32]
            object.__setattr__(self, "digest", digest)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rules):
            return NotImplemented
        return self.digest == other.digest and self._elements() == other._elements()

    def __hash__(self) -> int:
        return hash(self.digest)

    def changed(self, changes: Iterable[SetChange]) -> Rules:
        """Return the rules with these changes made; KeyError when there is no such set."""
        sets = dict(self.sets)
        for change in changes:
            elements = dict(sets[change.name].elements)
            for key in change.remove:
                elements.pop(key, None)
            sets[change.name] = replace(sets[change.name], elements={**elements, **change.add})
        return replace(self, sets=sets)

    def _elements(self) -> dict[str, Mapping[Element, str]]:
        return {name: each.elements for name, each in self.sets.items()}


NO_RULES = Rules()
