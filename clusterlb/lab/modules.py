"""The kernel modules that an inventory needs: asked for once, before there are namespaces."""

from __future__ import annotations

from collections.abc import Iterator

from clusterlb.drivers.ipvs.modules import load
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory, Member, Service
from clusterlb.model.ipvs import TunnelType

_TUNNELS = {
    TunnelType.IPIP: ("ipip", "sit", "ip6_tunnel"),
    TunnelType.GUE: ("ipip", "sit", "ip6_tunnel", "fou", "fou6"),
    TunnelType.GRE: ("ip_gre", "ip6_gre"),
}
_TRANSLATION = ("nf_tables", "nf_conntrack", "nft_chain_nat")


def load_modules(inventory: Inventory) -> None:
    """Load them; where something is built in, or missing, its first use says so."""
    for name in modules(inventory):
        load(name)


def modules(inventory: Inventory) -> tuple[str, ...]:
    """Return their names, each once."""
    found = ["ip_vs", "dummy"]
    for service, member in _uses(inventory):
        found.append(f"ip_vs_{service.scheduler}")
        method = service.forwarding_of(member)
        if method is Forwarding.TUN:
            found += _TUNNELS[(member.tunnel or service.tunnel).type]
        elif method is Forwarding.FULLNAT:
            found += _TRANSLATION
    return tuple(dict.fromkeys([*found, *(_TRANSLATION if inventory.snat_pools else ())]))


def _uses(inventory: Inventory) -> Iterator[tuple[Service, Member]]:
    for vip in inventory.vips.values():
        for service in vip.services:
            yield from ((service, member) for member in inventory.pools[service.pool].members)
