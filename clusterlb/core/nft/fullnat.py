"""Full NAT: the client's address becomes one of the director's own, so replies come back to it.

IPVS rewrites the destination and, with net.ipv4.vs.conntrack, tells connection tracking of it; nftables
then rewrites the source. IPVS alters only the reply's tuple (ip_vs_nfct.c, ip_vs_update_conntrack), so the
original destination still says that a packet was to a VIP.
"""

from __future__ import annotations

from collections.abc import Sequence

from clusterlb.core.nft.part import WORDS, Part, chain, lookups, reached
from clusterlb.model.address import IPAddress, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.rules import NamedSet


def fullnat(inventory: Inventory, director: Director) -> Part:
    """Return the part for the members with ``forwarding: fullnat``; it looks into the guard's sets of VIPs.

    A local address is chosen by the client's address and port, the same for the same flow. With
    ``log_connections`` the kernel logs each new connection before and after the translation.
    """
    found = reached(inventory.uses(), Forwarding.FULLNAT)
    sets: dict[str, NamedSet] = {}
    translate = []
    before, after = [], []
    for family, elements in sorted(found.items()):
        words = WORDS[family]
        own = [address for address in director.local_addresses if family_of(address) is family]
        if not own:
            continue  # nothing to translate to: the inventory's lint says so, and who is unfit
        reached_at, found_by = lookups(words, "d", "fullnat", elements)
        sets |= reached_at
        for each in found_by:
            match = f"ct original {words.ip} daddr @vips{words.suffix} {each.key} @{each.name}"
            translate.append(f"{match} snat {words.ip} to {_choice(words.ip, own)}")
            if inventory.cluster.log_connections:
                before.append(f'ct state new {match} log prefix "clusterlb client " flags tcp sequence')
                after.append(f'ct state new {match} log prefix "clusterlb local " flags tcp sequence')
    return Part(
        chain("fullnat", "postrouting priority srcnat", translate, kind="nat")
        + chain("log_client", "postrouting priority srcnat - 1", before)
        + chain("log_local", "postrouting priority srcnat + 1", after),
        sets,
    )


def _choice(ip: str, own: Sequence[IPAddress]) -> str:
    if len(own) == 1:
        return str(own[0])
    places = ", ".join(f"{place} : {address}" for place, address in enumerate(own))
    return f"jhash {ip} saddr . th sport mod {len(own)} seed 0x5eed map {{ {places} }}"
