"""Parts of an inventory with the places where they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from clusterlb.config import nodes
from clusterlb.config.nodes import Node
from clusterlb.config.source import Position
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Cluster, Director, Pool, Vip, Window
from clusterlb.model.snat import SnatPool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """A named entry of a section, as it is written; ``place`` is the place of its key."""

    name: str
    place: Position
    node: Node

    def at(self, *path: str | int) -> Position:
        """Return the place of a value of the item; where it is missing, of the innermost key above it."""
        return nodes.place_of_value(self.node, path, self.place)

    def key_at(self, *path: str | int) -> Position:
        """Return the place of the last key of a path; where it is missing, of the innermost key above it."""
        return nodes.place_of_key(self.node, path, self.place)

    def has(self, *path: str | int) -> bool:
        """Say whether the file has a value at a path; otherwise the default applies."""
        return nodes.find(self.node, path) is not None


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """An item and the object of the model that was made of it. Invalid parts were removed from both."""

    item: Item
    value: T

    def sure(self, path: nodes.Path, *keys: str) -> bool:
        """Say whether these keys of the mapping at a path have the values that the operator meant."""
        node: Node | None = self.item.node
        for key in path:
            if isinstance(node, nodes.Mapping) and key not in node.entries:
                return nodes.known(node, str(key))
            node = None if node is None else nodes.step(node, key)
        return node is not None and nodes.known(node, *keys)

    def complete(self, *path: str | int) -> bool:
        """Say whether no item of the list at a path was removed as invalid."""
        node = nodes.find(self.item.node, path)
        return isinstance(node, nodes.Sequence) and not node.doubtful


@dataclass(frozen=True, slots=True)
class Everything:
    """All valid parts of an inventory, before the checks between fields.

    ``director_names``, ``pool_names`` and ``used`` (the pools that services name) include invalid items. Each
    VIP occurs once, with the addresses of its group. ``whole``: every file and section could be read, so an
    item that is not here is not in the files.
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
