"""Parts of an inventory that remember where they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from clusterlb.config import nodes
from clusterlb.config.nodes import Node
from clusterlb.config.source import Place, Source
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Cluster, Director, Pool, Vip, Window
from clusterlb.model.snat import SnatPool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """A named entry of a section, as it is written; ``place`` is its key's."""

    name: str
    source: Source
    place: Place
    node: Node

    def at(self, *path: str | int) -> Place:
        """Return the place of a value inside, or of the innermost key that would hold it."""
        return nodes.place_of_value(self.node, path, self.place)

    def key_at(self, *path: str | int) -> Place:
        """Return the place of the last key of a path inside, or of the innermost there is."""
        return nodes.place_of_key(self.node, path, self.place)

    def written(self, *path: str | int) -> bool:
        """Say whether something is written there, rather than left to its default."""
        return nodes.find(self.node, path) is not None

    def key_where(self) -> str:
        """Return ``file:line:col`` of the item's key."""
        return f"{self.source.name}:{self.place.line}:{self.place.column}"

    def where(self, *path: str | int) -> str:
        """Return ``file:line:col`` of a value inside."""
        place = self.at(*path)
        return f"{self.source.name}:{place.line}:{place.column}"


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """An item and what it means. Parts that were no good are missing from both, and leave doubt behind."""

    item: Item
    value: T

    def sure(self, path: nodes.Path, *keys: str) -> bool:
        """Say whether the keys of the mapping at a path have the values that the operator meant."""
        node: Node | None = self.item.node
        for key in path:
            if isinstance(node, nodes.Mapping) and key not in node.entries:
                return nodes.known(node, str(key))
            node = None if node is None else nodes.step(node, key)
        return node is not None and nodes.known(node, *keys)

    def complete(self, *path: str | int) -> bool:
        """Say whether no item of the list at a path was left out."""
        node = nodes.find(self.item.node, path)
        return isinstance(node, nodes.Sequence) and not node.doubtful


@dataclass(frozen=True, slots=True)
class Everything:
    """All that could be understood. The names, and the pools that are ``used``, count what was no good, too.

    Each VIP is there once, with the addresses of its group. ``whole`` says that every file and section could
    be read, so that what is missing is missing.
    """

    cluster: Placed[Cluster] | None
    directors: Mapping[str, Placed[Director]]
    pools: Mapping[str, Placed[Pool]]
    vips: Mapping[IPAddress, Placed[Vip]]
    snat_pools: Mapping[str, Placed[SnatPool]]
    maintenance: Sequence[Placed[Window]]
    director_names: frozenset[str]
    pool_names: frozenset[str]
    used: frozenset[str]
    whole: bool
