"""The kernel modules that an inventory needs: asked for once, before there are namespaces."""

from __future__ import annotations

from clusterlb.drivers.ipvs.modules import load
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory
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
    for _, service, member, method in inventory.uses():
        found.append(f"ip_vs_{service.scheduler}")
        if method is Forwarding.TUN:
            found += _TUNNELS[(member.tunnel or service.tunnel).type]
        elif method is Forwarding.FULLNAT:
            found += _TRANSLATION
    return tuple(dict.fromkeys([*found, *(_TRANSLATION if inventory.snat_pools else ())]))
