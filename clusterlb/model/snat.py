"""SNAT pools: the addresses that real servers' own outbound traffic leaves with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clusterlb.model.address import AddressFamily, IPAddress, IPNetwork, family_of


class Peer(NamedTuple):
    """Another director: the mark of the packets that are sent to it, and its address on the inside."""

    mark: int
    address: IPAddress


@dataclass(frozen=True, slots=True)
class SnatPool:
    """Which traffic, and the addresses that each director gives it.

    A packet belongs to the first pool of the inventory that matches: its source is in ``sources`` and its
    destination in ``destinations`` (empty: anywhere); ``fwmark``: it carries this firewall mark, 0 does not
    ask. ``addresses``: by director's name, in the inventory's order.
    """

    name: str
    sources: tuple[IPNetwork, ...]
    addresses: Mapping[str, tuple[IPAddress, ...]]
    destinations: tuple[IPNetwork, ...] = ()
    fwmark: int = 0

    @property
    def families(self) -> tuple[AddressFamily, ...]:
        """Return the families that some director has addresses of, IPv4 first."""
        there = {family_of(address) for own in self.addresses.values() for address in own}
        return tuple(family for family in AddressFamily if family in there)

    def addresses_of(self, director: str, family: AddressFamily) -> tuple[IPAddress, ...]:
        """Return the addresses of one family that a director gives to the pool's flows."""
        return tuple(address for address in self.addresses.get(director, ()) if family_of(address) is family)

    def owner(self, address: IPAddress) -> str:
        """Return the director that uses an address; KeyError when it is not of this pool."""
        for name, own in self.addresses.items():
            if address in own:
                return name
        raise KeyError(address)

    def kept_by(self, director: str) -> tuple[IPAddress, ...]:
        """Return the addresses that a director owns or takes over, in the pool's order."""
        return tuple(
            address
            for own in self.addresses.values()
            for address in own
            if director in (self.owner(address), self.backup(address))
        )

    def backup(self, address: IPAddress) -> str | None:
        """Return the director that takes an address over: the next after its owner; None when it has none."""
        names = list(self.addresses)
        after = names[(names.index(self.owner(address)) + 1) % len(names)]
        return after if len(names) > 1 else None
