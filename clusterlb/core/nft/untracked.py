"""Packets that connection tracking must not see.

What IPVS masquerades by itself is harmed by it. A reply may pass another director, so tracking here sees
half a connection and calls the client's first ACK invalid. IPVS translates it all the same; then tracking
takes it, with its new destination, for a connection of its own, finds the reply's tuple in use, and changes
the source port. The real server answers that with a reset. So where anything is tracked, what has
``forwarding: nat`` is not. With ``notrack`` all traffic of services that need no tracking is kept out of it,
lest it fill the table.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusterlb.core.nft.part import WORDS, Part, chain, client_ports, endpoint, lookups, reached
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory, Service, Vip
from clusterlb.model.rules import Element, NamedSet


def untracked(inventory: Inventory) -> Part:
    """Return the part that keeps requests to services, and masqueraded members' replies, out of tracking.

    A service with full NAT for some of its members is tracked.
    """
    requests: dict[AddressFamily, dict[Element, str]] = {}
    for vip, service in _services(inventory):
        for ports in client_ports(service):
            requests.setdefault(family_of(vip.address), {})[endpoint(vip.address, service, ports)] = ""
    replies = untracked_replies(inventory)
    sides = (("untracked", "d", requests), ("untracked_reply", "s", replies))
    sets: dict[str, NamedSet] = {}
    rules = []
    for name, end, found in sides:
        for family, elements in sorted(found.items()):
            named, found_by = lookups(WORDS[family], end, name, elements)
            sets |= named
            rules += [f"{each.key} @{each.name} notrack" for each in found_by]
    return Part(chain("untracked", "prerouting priority raw", rules), sets)


def untracked_replies(inventory: Inventory) -> dict[AddressFamily, dict[Element, str]]:
    """Return the endpoints of masqueraded members whose replies are kept out of tracking, by family."""
    chosen = {service for _, service in _services(inventory)}
    return reached((use for use in inventory.uses() if use[1] in chosen), Forwarding.NAT)


def _services(inventory: Inventory) -> Iterator[tuple[Vip, Service]]:
    """Yield the services that must not be tracked, or need not be and shall not."""
    tracks = inventory.has_fullnat or bool(inventory.snat_pools)
    for vip in inventory.vips.values():
        for service in vip.services:
            members = inventory.pools[service.pool].members
            methods = {service.forwarding_of(member) for member in members}
            harmed = tracks and Forwarding.NAT in methods
            if Forwarding.FULLNAT not in methods and (harmed or inventory.cluster.notrack):
                yield vip, service
