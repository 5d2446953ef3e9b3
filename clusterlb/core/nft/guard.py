"""Never speak for a VIP.

A packet of a flow that this director does not know is handed to its own TCP, which answers with a reset and
ends a connection that another director, or this one a moment later, would have carried. Without the answer
the flow stalls for one retransmission. So what the director itself says from a VIP, a local address or a SNAT
address, a reset or an ICMP error, is dropped; but for "fragmentation needed", on which path MTU discovery
lives. Real servers' own resets pass: they are forwarded, not said here.
"""

from __future__ import annotations

from ipaddress import ip_address

from clusterlb.core.nft.part import WORDS, Part, addresses, chain, jumped
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.rules import Rules

# "packet too big" is a type of its own in ICMPv6 (RFC 4443 section 3.2)
_MUTE = (
    "tcp flags & rst == rst drop",
    "icmp type destination-unreachable icmp code != frag-needed drop",
    "icmpv6 type destination-unreachable drop",
)


# Packets to an address that we translate to which belong to no connection. Accepted, such a packet would take
# the place of the entry that a peer may hand over (nf_conntrack_tcp_loose). Others may open connections to a
# local address, for it may be the host's own.
_ORPHANS = {
    "local_addresses": "new tcp flags & (syn | ack) != syn",
    "snat_addresses": "new,invalid,untracked",
}
_GUARDED = ("vips", *_ORPHANS)


def guard(inventory: Inventory, director: Director) -> Part:
    """Return the part for the VIPs, and for the director's local and SNAT addresses."""
    found = {"vips": inventory.vips.keys(), **translated(inventory, director)}
    sets = {}
    rules = []
    orphans = []
    for family in AddressFamily:
        words = WORDS[family]
        for kind, those in found.items():
            named = addresses(words, those, family)
            if named.elements:
                name = f"{kind}{words.suffix}"
                sets[name] = named
                rules.append(f"{words.ip} saddr @{name} jump mute")
                if kind in _ORPHANS:
                    orphans.append(f"{words.ip} daddr @{name} ct state {_ORPHANS[kind]} drop")
    if not rules:
        return Part()
    return Part(
        jumped("mute", _MUTE)
        + chain("guard_output", "output priority filter", rules)
        + chain("guard_input", "input priority filter", orphans),
        sets,
    )


def translated(inventory: Inventory, director: Director) -> dict[str, tuple[IPAddress, ...]]:
    """Return the addresses that this director translates sources to, or may have to, by the set's name."""
    local = director.local_addresses if inventory.has_fullnat else ()
    snat = tuple(a for pool in inventory.snat_pools.values() for a in pool.kept_by(director.name))
    return {"local_addresses": local, "snat_addresses": snat}


def is_guarded(address: str, rules: Rules) -> bool:
    """Say whether a table keeps the kernel from speaking for an address."""
    sets = (rules.sets.get(f"{name}{words.suffix}") for name in _GUARDED for words in WORDS.values())
    return any((address,) in named.elements for named in sets if named)


def guarded(rules: Rules) -> frozenset[IPAddress]:
    """Return the VIPs that a table knows."""
    sets = (rules.sets.get(f"vips{words.suffix}") for words in WORDS.values())
    return frozenset(ip_address(key[0]) for named in sets if named for key in named.elements)
